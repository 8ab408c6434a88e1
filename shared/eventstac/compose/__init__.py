"""An Item is a pure function of its facts: no clock, no randomness, no other input than the rules."""

from eventstac.compose.composition import Composition, ItemState
from eventstac.compose.item import compose

__all__ = ["Composition", "ItemState", "compose"]
