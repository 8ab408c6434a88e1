"""The form to search for Items, filled in with what was asked: it asks all of that again, but for what is changed."""

import re
from html import escape
from urllib.parse import parse_qsl, unquote

from stac_api.html import Context
from stac_api.searches import joined

_FIELDS = (
    ("collections", "Collections", "all"),
    ("bbox", "Box: west,south,east,north", "-10,35,30,60"),
    ("datetime", "Time", "2024-01-01T00:00:00Z/.."),
    ("filter", "Filter (CQL2)", "gsd < 20"),
)
# Shown where they were asked for: whoever searches on sees what else the answer depends on, and can empty it.
_WHERE_ASKED = (
    ("filter-lang", "Language of the filter"),
    ("q", "Words"),
    ("ids", "Items by id"),
    ("intersects", "Intersects (GeoJSON)"),
    ("query", "Query (JSON)"),
    ("sortby", "Order"),
    ("limit", "Items a page"),
)
_OF_ONE_ANSWER = ("token", "f")  # another question has other pages; a browser gets a page without `f`
_ITEMS_OF = re.compile(r"/collections/([^/]+)/items\Z")
_LINE_END = re.compile(r"\r\n?|\n")  # what browsers take out of the value of an <input>
_MOST_ROWS = 10


def search_form(context: Context, asked_at: str) -> str:
    """What to search for; filled in with what was asked at this address."""
    address, _, query = asked_at.partition("?")
    asked = joined(parse_qsl(query, keep_blank_values=True))
    if within := _ITEMS_OF.search(address):
        asked["collections"] = unquote(within[1])
    inputs = [_input(name, label, asked.pop(name, ""), hint) for name, label, hint in _FIELDS]
    inputs += [_input(name, label, value) for name, label in _WHERE_ASKED if (value := asked.pop(name, ""))]
    inputs += [_hidden(name, value) for name, value in asked.items() if name not in _OF_ONE_ANSWER]
    action = escape(f"{context.base}/search")
    return (
        f'<form action="{action}" aria-label="Search Items">{"".join(inputs)}<button>Search</button></form>'
    )


def _input(name: str, label: str, value: str, hint: str = "") -> str:
    """A field with its label: of one line, where Enter searches, unless the value has more."""
    if further := len(_LINE_END.findall(value)):
        rows = min(further + 1, _MOST_ROWS)
        # the first line end is HTML's: a browser passes over one that a <textarea> begins with
        area = f'<textarea name="{name}" rows="{rows}">\n{escape(value)}</textarea>'
        return f"<label>{escape(label)}{area}</label>"
    shown = f' placeholder="{escape(hint)}"' if hint else ""
    filled = f' value="{escape(value)}"' if value else ""
    return f'<label>{escape(label)}<input name="{name}"{shown}{filled}></label>'


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
