import json
from typing import Any

import orjson
import pytest
from starlette.requests import Request

from stac_api.errors import BadRequest
from stac_api.page_links import Address, Posted

HERE = "https://a.example"


def address(
    query: str = "", path: str = "/search", posted: Posted | None = None, collection: str | None = None
) -> Address:
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST" if posted else "GET",
        "path": path,
        "query_string": query.encode(),
        "headers": [],
        "path_params": {"collection_id": collection} if collection else {},
        "stac_api.base": HERE,
    }
    return Address(Request(scope), posted)


def posted(text: str, most: int = 20_000) -> Posted:
    return Posted(json.loads(text), text.encode(), most)


def body(of: Posted, token: str = "t") -> str:
    return orjson.dumps(of.with_token(token)).decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", '{"token":"t"}'),
        (' {"limit": 5}\n', '{"token":"t","limit": 5}'),
        ('{"token":"old","limit":5}', '{"token":"t","limit":5}'),
        ('{"token":"old"}', '{"token":"t"}'),
        ('{"limit":5,"x":"%s"}' % ("y" * 9_900), '{"token":"t","limit":5,"x":"%s"}' % ("y" * 9_900)),
        ('{"limit":5,"x":"%s"}' % ("y" * 10_000), '{"token":"t"}'),
    ],
)
def test_the_next_page_is_asked_for_by_what_was_posted_with_its_token(text: str, expected: str) -> None:
    assert body(posted(text)) == expected


def test_a_token_that_leaves_the_question_no_room_is_refused() -> None:
    question = '{"x":"%s"}' % ("y" * 92)
    asked_with_one = question.replace("{", '{"token":"%s",' % ("o" * 50))
    room = len(asked_with_one) + len('"token":"",')
    for text, most, token in (
        (question, 120, "t" * 9),
        (question, 230, "t" * 104),
        (asked_with_one, room, "t" * 50),
    ):
        assert json.loads(body(posted(text, most), token))["token"] == token
        with pytest.raises(BadRequest, match="sort by something shorter"):
            body(posted(text, most), token + "t")


def test_a_link_by_post_is_to_be_merged_into_what_was_posted() -> None:
    asked = address("limit=7", posted=posted('{"limit":5}'))
    assert asked.url == f"{HERE}/search"
    link: Any = asked.page("next", "t", "application/geo+json")
    assert (link["href"], link["method"], link["merge"]) == (f"{HERE}/search", "POST", True)


def test_a_link_by_get_has_its_token_alone_of_what_names_a_page() -> None:
    link: Any = address("token=old&limit=5&offset=7").page("next", "t", "application/geo+json")
    assert link["href"] == f"{HERE}/search?limit=5&token=t"
    assert "merge" not in link


@pytest.mark.parametrize(
    ("path", "collection", "place"),
    [
        ("/api/search", None, "/search"),
        ("/api/collections", None, "/collections"),
        ("/collections/a%2Fb/items", "a/b", "/collections/a%2Fb/items"),
    ],
)
def test_links_lead_to_where_was_asked(path: str, collection: str | None, place: str) -> None:
    assert address(path=path, collection=collection).url == f"{HERE}{place}"


@pytest.mark.parametrize(
    ("query", "token", "told"),
    [
        ("", "t" * 7_969, None),
        ("", "t" * 7_970, "sortby: .*: ask by POST, or sort"),
        ("ids=" + "i" * 7_900, "t" * 100, "ids: too long"),
        ("token=" + "o" * 7_990, "t" * 7_980, "sortby: "),
        ("ids=" + "i" * 8_000, "t" * 6_000, None),
        ("ids=" + "i" * 8_000, "t" * 6_001, "ids: too long"),
        ("ids=" + "i" * 8_000, "t" * 8_001, "sortby: "),
    ],
)
def test_what_is_too_long_for_a_link_is_named(query: str, token: str, told: str | None) -> None:
    asked = address(query)
    if told is None:
        link: Any = asked.page("next", token, "application/geo+json")
        assert link["href"].endswith(token)
        return
    with pytest.raises(BadRequest, match=told):
        asked.page("next", token, "application/geo+json")
