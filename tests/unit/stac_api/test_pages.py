"""Pages of documents that others stored: whatever is in a member, there is a page."""

import json
import re
from typing import Any

import pytest

from stac_api import collection_pages, item_pages, openapi, pages
from stac_api.api_page import api
from stac_api.html import Context
from stac_api.links import OWN_COLLECTION_LINKS, OWN_ITEM_LINKS
from stac_api.settings import Settings
from tests.contracts.changed import ODD, damaged

Json = dict[str, Any]
HERE = Context("https://a.example", "A catalog")
LINKS = [
    {"rel": "self", "href": "https://a.example/here", "title": "Here"},
    {"rel": "parent", "href": "https://a.example/", "type": "application/json"},
    {"rel": "child", "href": "https://a.example/collections/c", "title": "C"},
    {"rel": "next", "href": "https://a.example/here?token=1", "method": "GET"},
]
ITEM: Json = {
    "type": "Feature", "id": "i", "collection": "c", "bbox": [0, 0, 1, 1], "links": LINKS,
    "properties": {"datetime": None, "start_datetime": "2020", "end_datetime": "2021", "bands": [{"name": "b"}]},
    "assets": {"a": {"href": "https://a.example/a.png", "title": "A", "type": "image/png", "roles": ["thumbnail"]}},
}  # fmt: skip
COLLECTION: Json = {
    "type": "Collection", "id": "c", "title": "C", "description": "All", "license": "other", "keywords": ["k"],
    "extent": {"spatial": {"bbox": [[0, 0, 1, 1]]}, "temporal": {"interval": [["2020-01-01T00:00:00Z", None]]}},
    "summaries": {"gsd": [10], "eo:cloud_cover": {"minimum": 0, "maximum": 9}}, "links": LINKS,
    "providers": [{"name": "P", "url": "https://p.example/", "roles": ["host"], "description": "Keeps it"}],
    "assets": {"a": {"href": "https://a.example/a.png"}}, "item_assets": {"red": {"title": "R", "roles": ["data"]}},
}  # fmt: skip
DEEP: Any = json.loads("[" * 2_000 + "]" * 2_000)
ANY = (*ODD, DEEP, {"a": DEEP})


def test_a_period_is_shown_as_one_whether_a_moment_of_it_is_named_or_not() -> None:
    for named in (None, "2020-06"):
        item = {**ITEM, "properties": {**ITEM["properties"], "datetime": named}}
        assert "2020 – 2021" in item_pages.items(
            {"features": [item], "numberReturned": 1, "links": LINKS}, HERE
        )


@pytest.mark.parametrize("page", [item_pages.item, collection_pages.collection])
def test_a_document_with_any_member_of_an_odd_kind_has_its_page(page: Any) -> None:
    document = ITEM if page is item_pages.item else COLLECTION
    for each in damaged(document, ANY):
        assert "</html>" in page(each, HERE)


def test_a_list_of_documents_with_any_member_of_an_odd_kind_has_its_page() -> None:
    for each in damaged(ITEM, ANY):
        assert "</html>" in item_pages.items({"features": [each], "numberReturned": 1, "links": LINKS}, HERE)
    for each in damaged(COLLECTION, ANY):
        assert "</html>" in collection_pages.collections(
            {"collections": [each], "numberMatched": 1, "links": LINKS}, HERE
        )


def test_queryables_of_an_odd_kind_have_their_page() -> None:
    for each in damaged({"gsd": {"type": "string", "format": "a", "title": "b"}, "a": {"$ref": "b"}}, ANY):
        assert "</html>" in pages.queryables({"title": "Queryables", "properties": each}, HERE)


@pytest.mark.parametrize(
    ("odd", "shown"),
    [
        ({"assets": ["a.tif", 5]}, "a.tif, 5"),
        ({"assets": {"a": {"href": 5, "type": ["x", "y"], "roles": "thumbnail"}}}, "x, y"),
        ({"properties": "nothing known"}, "nothing known"),
        ({"bbox": "the <b>world</b>"}, "the &lt;b&gt;world"),
    ],
)
def test_an_odd_member_of_an_item_is_shown_as_text(odd: Json, shown: str) -> None:
    page = item_pages.item(ITEM | odd, HERE)
    assert shown in page
    assert "<b>" not in page


@pytest.mark.parametrize("page", [item_pages.item, collection_pages.collection])
def test_the_links_of_a_document_are_shown_but_for_those_of_the_api(page: Any) -> None:
    document = ITEM if page is item_pages.item else COLLECTION
    stored = [
        {
            "rel": "license",
            "href": "https://b.example/by?a=1&b=2",
            "title": "<i>CC BY</i>",
            "type": "text/html",
        },
        {"rel": "derived_from", "href": "s3://b/c"},
        {"rel": "derived_from", "href": "s3://b/c<d>", "title": "Scene"},
        {"rel": "cite-as", "title": "Nothing to follow"},
        {"rel": "alternate", "href": "https://b.example/d", "type": "text/html"},
        {"rel": "via", "href": "javascript:alert(1)"},
        {"rel": "<i>", "href": "s3://b/e", "type": "<b>"},
    ]
    kinds = OWN_ITEM_LINKS if page is item_pages.item else OWN_COLLECTION_LINKS
    own = [{"rel": rel, "href": f"https://a.example/{rel}"} for rel in sorted(kinds)]
    own.append({"rel": "alternate", "type": "text/html", "href": "https://a.example/self?f=html"})
    shown = page(document | {"links": own + stored}, HERE).partition("<caption>Links</caption>")[2]
    assert re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td><td>(.*?)</td>', shown) == [
        ('<a href="https://b.example/by?a=1&amp;b=2">&lt;i&gt;CC BY&lt;/i&gt;</a>', "license", "text/html"),
        ("s3://b/c", "derived_from", ""),
        ("Scene<br>s3://b/c&lt;d&gt;", "derived_from", ""),
        ('<a href="https://b.example/d">https://b.example/d</a>', "alternate", "text/html"),
        ("javascript:alert(1)", "via", ""),
        ("s3://b/e", "&lt;i&gt;", "&lt;b&gt;"),
    ]
    assert "<caption>Links</caption>" not in page(document | {"links": own}, HERE)


def test_a_long_name_goes_on_in_the_next_line_after_its_prefix_and_its_words() -> None:
    shown = item_pages.item(ITEM | {"properties": {"a:b_c": 1, "<i>_": 2}}, HERE)
    assert '<th scope="row">a:<wbr>b_<wbr>c</th>' in shown
    assert '<th scope="row">&lt;i&gt;_</th>' in shown


@pytest.mark.parametrize(
    "hrefs",
    [["javascript:alert(1)"], [" javascript:alert(1)", "a.png"], ["s3://a/b.png", "data:text/html,a"], [""]],
)
def test_a_thumbnail_that_no_browser_can_show_is_no_picture(hrefs: list[str]) -> None:
    named = {str(n): {"href": href, "roles": ["thumbnail"]} for n, href in enumerate(hrefs)}
    assert "<img" not in item_pages.item(ITEM | {"assets": named}, HERE)
    page = item_pages.item(ITEM | {"assets": named | ITEM["assets"]}, HERE)
    assert page.count("<img") == page.count('<img src="https://a.example/a.png" alt="Thumbnail of i">') == 1


@pytest.mark.parametrize(
    ("odd", "shown"),
    [
        ({"summaries": 5}, "5"),
        ({"description": ["some", "words"]}, "some, words"),
        ({"extent": {"spatial": {"bbox": "all"}, "temporal": {"interval": ["in summer"]}}}, "in summer"),
        ({"title": 2024}, "<h1>2024</h1>"),
        ({"title": {"en": "C"}}, "<h1>en: C</h1>"),
    ],
)
def test_an_odd_member_of_a_collection_is_shown_as_text(odd: Json, shown: str) -> None:
    assert shown in re.sub(r"</?(td|p)>", "", collection_pages.collection(COLLECTION | odd, HERE))


def test_each_address_of_a_list_is_a_link_of_its_own() -> None:
    classes = ["https://a.example/core", "https://a.example/features"]
    shown = pages.plain("Conformance")({"conformsTo": classes}, HERE)
    assert re.findall(r"<td>(.*?)</td>", shown) == [
        "<br>".join(f'<a href="{each}">{each}</a>' for each in classes)
    ]
    words = "https://a.example/a, and more"
    assert f"<td>{words}</td>" in pages.plain("One")({"a": words}, HERE)


def test_a_search_that_was_refused_keeps_its_form() -> None:
    problem = {"code": "InvalidParameterValue", "description": "datetime: no time"}
    shown = pages.error(problem, HERE, "https://a.example/search?datetime=2024-03-01&q=x")
    assert 'value="2024-03-01"' in shown
    assert 'name="q" value="x"' in shown
    assert "datetime: no time" in shown
    assert "<form" not in pages.error(problem, HERE)


def test_assets_of_one_title_are_told_apart_by_their_keys() -> None:
    assets = {key: {"href": f"https://a.example/{key}.tif", "title": "Red"} for key in ("red", "red_cog")}
    for page in (
        item_pages.item(ITEM | {"assets": assets}, HERE),
        collection_pages.collection(COLLECTION | {"assets": assets}, HERE),
    ):
        shown = page.partition("<caption>Assets</caption>")[2]
        assert re.findall(r'<th scope="row">(.*?)</th>', shown)[:2] == [
            f'<a href="https://a.example/{key}.tif">{key}</a><br>Red' for key in assets
        ]


def test_a_collection_shows_who_provides_it_and_the_assets_of_its_items() -> None:
    shown = collection_pages.collection(COLLECTION | {"sci:citation": "Doe, 2020"}, HERE)
    assert '<th scope="row"><a href="https://p.example/">P</a></th><td>host</td><td>Keeps it</td>' in shown
    assert '<th scope="row">red<br>R</th><td></td><td>data</td>' in shown
    assert "<td>Doe, 2020</td>" in shown
    shown = collection_pages.collection(
        COLLECTION | {"providers": [{"name": "P", "url": "javascript:alert(1)"}]}, HERE
    )
    assert '<th scope="row">P<br>javascript:alert(1)</th>' in shown


def test_a_provider_or_an_asset_without_a_name_is_shown_by_its_address_and_one_that_is_no_object_as_it_is() -> (
    None
):
    address = "https://p.example/?a=1&b"
    linked = '<a href="https://p.example/?a=1&amp;b">https://p.example/?a=1&amp;b</a>'
    providers = [{"url": address}, "<ESA>", {"description": "Keeps it"}, 5]
    shown = collection_pages.collection(COLLECTION | {"providers": providers}, HERE)
    rows = re.compile(r'<th scope="row">(.*?)</th><td>(.*?)</td><td>(.*?)</td>')
    assert rows.findall(shown.partition("<caption>Providers</caption>")[2])[:4] == [
        (linked, "", ""), ("&lt;ESA&gt;", "", ""), ("", "", "Keeps it"), ("5", "", ""),
    ]  # fmt: skip
    assets = {"": {"href": address, "title": "A"}, "b": "<b.tif>", "c": {"href": "s3://b/c"}, "d": None}
    shown = item_pages.item(ITEM | {"assets": assets}, HERE)
    assert rows.findall(shown)[:4] == [
        (f"{linked}<br>A", "", ""), ("b<br>&lt;b.tif&gt;", "", ""), ("c<br>s3://b/c", "", ""), ("d", "", ""),
    ]  # fmt: skip


def test_an_address_within_an_asset_is_shown_as_text_and_what_it_holds_is_cut() -> None:
    assets = {
        "red": {"href": "./red.tif", "title": "Red"},
        "icon": {"href": "DATA:image/png;base64," + "A" * 999},
    }
    heads = re.findall(r'<th scope="row">(.*?)</th>', item_pages.item(ITEM | {"assets": assets}, HERE))
    assert heads[0] == "red<br>./red.tif<br>Red"
    assert (heads[1][:25], len(heads[1])) == ("icon<br>DATA:image/png;ba", len("icon<br>") + 200)


def test_what_says_nothing_has_no_row_and_truth_is_written_as_in_json() -> None:
    for providers in ([None, {"name": "P"}], [{"roles": []}, {"name": "P"}]):
        shown = collection_pages.collection(COLLECTION | {"providers": providers}, HERE)
        rows = shown.partition("<caption>Providers</caption>")[2].partition("</table>")[0]
        assert re.findall(r'<th scope="row">(.*?)</th>', rows) == ["P"]
    nobody: Json
    for nobody in ({"providers": [None]}, {"providers": [{}]}, {"providers": []}):
        assert "Providers" not in collection_pages.collection(COLLECTION | nobody, HERE)
    shown = item_pages.item(ITEM | {"properties": {"a": True, "b": [False], "c": 0, "d": None}}, HERE)
    rows = shown.partition("<caption>Properties</caption>")[2].partition("</table>")[0]
    assert re.findall(r"<td>(.*?)</td>", rows) == ["true", "false", "0"]


def test_queryables_show_their_titles_and_formats() -> None:
    listed = {
        "updated": {"title": "Last <change>", "type": "string", "format": "date-time"},
        "gsd": {"type": "number"},
        "id": {"$ref": "https://b.example/id"},
        "any": {},
    }
    shown = pages.queryables({"title": "Queryables", "properties": listed}, HERE)
    assert re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td><td>(.*?)</td>', shown) == [
        ("updated", "Last &lt;change&gt;", "string (date-time)"),
        ("gsd", "", "number"),
        ("id", "", '<a href="https://b.example/id">https://b.example/id</a>'),
        ("any", "", "anything"),
    ]


def test_a_document_without_links_has_its_way_up_and_its_json() -> None:
    here = Context(HERE.base, HERE.title, "https://a.example/collections/c%20d/queryables")
    shown = pages.queryables({"title": "Queryables", "properties": {}}, here)
    assert '<a href="https://a.example/collections/c%20d/queryables?f=json">This page as JSON</a>' in shown
    assert '<a href="https://a.example/collections/c%20d">c d</a></nav>' in shown
    top = pages.plain("Conformance")(
        {"conformsTo": []}, Context(HERE.base, HERE.title, "https://a.example/conformance")
    )
    assert '<a href="https://a.example/">A catalog</a></nav>' in top


def test_a_page_asked_for_by_its_format_leads_to_the_json_alone() -> None:
    links = [{"rel": "self", "href": "https://a.example/search?f=html&limit=5"}]
    shown = item_pages.items({"features": [], "numberReturned": 0, "links": links}, HERE)
    assert '<a href="https://a.example/search?limit=5&amp;f=json">' in shown


def test_descriptions_and_errors_keep_their_lines() -> None:
    words = "\nFirst <one>\n\n- and\n- more\n"
    for shown in (
        collection_pages.collection(COLLECTION | {"description": words}, HERE),
        pages.error({"code": "C", "description": words}, HERE),
    ):
        assert '<p class="prose">First &lt;one&gt;\n\n- and\n- more</p>' in shown
        assert ".prose{white-space:pre-wrap}" in shown


def test_every_row_of_the_apis_page_has_a_name() -> None:
    settings = Settings("h", "d", "u", "p", "c", "A catalog")
    described = openapi.description(HERE.base, settings)
    assert '<th scope="row"></th>' not in api(described, HERE)
