"""The id of the default collection, a setting: one that the rules file could have, too."""

import re

from eventstac.rules.schema import rules_schema
from eventstac.settings import Environment

SETTING = "STAC_DEFAULT_COLLECTION"
DEFAULT = "bronze-tier"


def read_default_collection(env: Environment) -> str:
    """The setting; what is no id of a collection is a problem of `env`."""
    name = env.text("STAC_DEFAULT_COLLECTION", DEFAULT)
    if not is_id(name):
        env.wrong(f"{SETTING} must be {IDS}, not {name!r}")
    return name


IDS = "a collection's id (letters without accents, digits, '.', '_' and '-', a letter or digit first, 255 at most)"


def is_id(name: str) -> bool:
    """Whether a collection of the rules file may be called so."""
    pattern: str = rules_schema()["properties"]["collections"]["propertyNames"]["pattern"]
    return re.fullmatch(pattern, name) is not None
