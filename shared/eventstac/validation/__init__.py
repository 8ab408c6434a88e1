"""Says what is wrong with Items, Collections and events, offline."""

from eventstac.validation.documents import validate_collection, validate_item
from eventstac.validation.events import event_problems, event_types
from eventstac.validation.problems import Problem
from eventstac.validation.profiles import profile_urls, unchecked_extensions
from eventstac.validation.schemas import is_deeper_than

__all__ = [
    "Problem",
    "event_problems",
    "event_types",
    "is_deeper_than",
    "profile_urls",
    "unchecked_extensions",
    "validate_collection",
    "validate_item",
]
