"""The form on pages of Items: whoever searches on asks for all that was asked before."""

import re
from html import escape
from urllib.parse import urlencode

import pytest

from stac_api.html import Context
from stac_api.search_form import search_form

HERE = Context("https://a.example", "A catalog")


@pytest.mark.parametrize(
    ("address", "filled"),
    [
        ("/search", []),
        ("/search?bbox=1,2,3,4&filter=a%20%3C%20%22b%22", ["1,2,3,4", "a &lt; &quot;b&quot;"]),
        ("/search?collections=a,b&datetime=2024-01-01T00:00:00Z/..", ["a,b", "2024-01-01T00:00:00Z/.."]),
        ("/collections/a%20b/items?datetime=..&collections=c", ["a b", ".."]),
        ("/search?collections=a&collections=b", ["a,b"]),
    ],
)
def test_the_form_is_filled_in_with_what_was_asked(address: str, filled: list[str]) -> None:
    shown = search_form(HERE, f"https://a.example{address}")
    assert re.findall(r'<input [^>]*value="([^"]*)"', shown) == filled


def test_the_form_asks_again_for_what_it_has_no_place_for() -> None:
    address = (
        "/search?q=no&ids=a&ids=b&sortby=-gsd&limit=5&filter=%7B%7D&filter-lang=cql2-json"
        "&fields=&key=%22%3E&token=next:1&f=html"
    )
    shown = search_form(HERE, f"https://a.example{address}")
    assert dict(re.findall(r'name="([^"]*)"(?: placeholder="[^"]*")? value="([^"]*)"', shown)) == {
        "q": "no", "ids": "a,b", "sortby": "-gsd", "limit": "5", "filter": "{}", "filter-lang": "cql2-json",
        "fields": "", "key": "&quot;&gt;",
    }  # fmt: skip
    assert re.findall(r'type="hidden" name="(.*?)"', shown) == ["fields", "key"]


@pytest.mark.parametrize(
    ("name", "value", "rows"),
    [
        ("filter", "updated is null\nand id = 'x'", 2),
        ("filter", "\ngsd < 20", 2),
        ("q", "west\r\nwords\rof</textarea>", 3),
        ("query", "{\n" * 40, 10),
    ],
)
def test_a_value_of_several_lines_keeps_them(name: str, value: str, rows: int) -> None:
    shown = search_form(HERE, f"https://a.example/search?{urlencode({name: value})}")
    # a browser passes over the line end that a <textarea> begins with
    assert re.findall(r"<textarea (.*?)>\n(.*?)</textarea>", shown, re.DOTALL) == [
        (f'name="{name}" rows="{rows}"', escape(value))
    ]
    assert f'<input name="{name}"' not in shown
