from html.parser import HTMLParser

import pytest

from tests.integration.stac_api.conftest import Client

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PAGES = (
    "/", "/collections", "/collections/edges", "/collections/edges/items", "/collections/edges/items/greenwich",
    "/search?limit=5", "/search?limit=5&fields=id", "/search?limit=5&fields=-id,-links,-properties,-assets",
    "/collections?fields=-id,-title,-links,-extent", "/collections?fields=-description",
    "/queryables", "/collections/scenes/queryables", "/conformance",
    "/collections/edges/statistics", "/search?q=nothing&sortby=id",
    "/collections-queryables", "/api.html", "/nothing", "/search?bbox=1",
    "/search?limit=5&filter=gsd%20is%20null%0Aor%20id%20%3C%3E%20%27%27", "/?f=xml", "/nothing?f=xml",
)  # fmt: skip


class Outline(HTMLParser):
    """What a screen reader needs, collected."""

    VOID = frozenset({"meta", "br", "img", "input", "link", "wbr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.mark.parametrize("path", PAGES)
def test_a_browser_gets_a_page_that_a_screen_reader_can_read(api: Client, path: str) -> None:
    answer = api("GET", path, headers=BROWSER)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    outline = Outline(answer.text)
    assert outline.open == []
    assert outline.all("html") == [{"lang": "en"}]
    assert len(outline.all("title")) == len(outline.all("h1")) == len(outline.all("main")) == 1
    assert len(outline.all("table")) == len(outline.all("caption"))
    assert all("scope" in each for each in outline.all("th"))
    assert all(each.get("alt") for each in outline.all("img"))
    inputs = sum(each.get("type") != "hidden" for each in outline.all("input"))
    assert len(outline.all("label")) == inputs + len(outline.all("textarea"))
    assert not outline.all("script")


def test_f_chooses_over_accept(api: Client) -> None:
    for form in ("json", "geojson"):
        assert api("GET", f"/?f={form}", headers=BROWSER).headers["Content-Type"] == "application/json"
    assert api("GET", "/?f=html").headers["Content-Type"].startswith("text/html")
    assert api("GET", "/", headers={"Accept": "TEXT/HTML"}).headers["Content-Type"].startswith("text/html")
    for accept in ("*/*", "application/json", "application/geo+json, text/html;q=0.5", "text/html;q=x", ""):
        assert "json" in api("GET", "/", headers={"Accept": accept}).headers["Content-Type"], accept


def test_every_link_of_a_page_leads_somewhere(api: Client) -> None:
    for path in (
        "/",
        "/collections",
        "/collections/edges",
        "/collections/edges/items?limit=2",
        "/search?limit=2",
        "/collections/edges/queryables",
        "/collections/edges/statistics",
        "/queryables",
        "/collections-queryables",
        "/conformance",
    ):
        for each in Outline(api("GET", path, headers=BROWSER).text).all("a"):
            target = each["href"] or ""
            if target.startswith(api.url):
                assert api("GET", target, headers=BROWSER).status_code == 200, target


def test_what_a_client_sends_is_never_markup(api: Client) -> None:
    answer = api("GET", "/search?bbox=<script>alert(1)</script>", headers=BROWSER)
    assert answer.status_code == 400
    assert "<script>" not in answer.text


def test_every_document_s_page_leads_to_its_json(api: Client) -> None:
    for path in PAGES:
        if path == "/api.html" or (shown := api("GET", path, headers=BROWSER)).status_code != 200:
            continue
        (raw,) = [
            each["href"] or ""
            for each in Outline(shown.text).all("a")
            if (each["href"] or "").endswith("f=json")
        ]
        documents = [api("GET", target, headers={"Accept": "*/*"}).json() for target in (raw, path)]
        for each in documents:
            each.pop("links", None)  # those to itself tell of `f`
        assert documents[0] == documents[1], path


def test_the_page_of_what_was_posted_leads_to_no_json_of_something_else(api: Client) -> None:
    shown = api("POST", "/search", json={"ids": ["greenwich"]}, headers=BROWSER)
    assert shown.headers["Content-Type"].startswith("text/html")
    targets = [each["href"] or "" for each in Outline(shown.text).all("a")]
    assert any(each.endswith("/greenwich") for each in targets)
    assert not [each for each in targets if "f=json" in each]


def test_the_page_of_a_queryable_s_collection_is_one_step_up(api: Client) -> None:
    shown = api("GET", "/collections/edges/queryables", headers=BROWSER).text
    assert f'<a href="{api.url}/collections/edges">edges</a></nav>' in shown


@pytest.mark.parametrize("path", ["/search", "/collections/edges/items"])
def test_a_refused_search_keeps_its_form(api: Client, path: str) -> None:
    refused = api("GET", path, params={"datetime": "2024-03-01/2024-06-30", "q": "x"}, headers=BROWSER)
    assert refused.status_code == 400
    assert 'value="2024-03-01/2024-06-30"' in refused.text
    assert 'name="q" value="x"' in refused.text
    assert f'action="{api.url}/search"' in refused.text
    assert "<form" not in api("GET", "/collections?datetime=2024-03-01", headers=BROWSER).text


@pytest.mark.parametrize("path", [*PAGES, "/collections/edges/items?datetime=2024-03-01/2024-06-30"])
def test_head_tells_the_length_of_the_page(api: Client, path: str) -> None:
    headers = {**BROWSER, "Accept-Encoding": "identity"}
    answers = [api(method, path, headers=headers) for method in ("HEAD", "GET")]
    assert len({(each.status_code, each.headers["Content-Length"]) for each in answers}) == 1


def test_searching_on_asks_for_what_was_asked(api: Client) -> None:
    asked = {"q": "nosuchword", "filter": '{"op":"=","args":[1,1]}', "filter-lang": "cql2-json", "limit": "3"}
    shown = Outline(api("GET", "/search", params=asked, headers=BROWSER).text)
    again = {each["name"] or "": each.get("value") or "" for each in shown.all("input")}
    assert again == {"collections": "", "bbox": "", "datetime": "", **asked}
    assert api("GET", "/search", params=again).json()["numberMatched"] == 0
