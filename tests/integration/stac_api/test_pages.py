from html.parser import HTMLParser

import pytest

from tests.integration.stac_api.conftest import Client

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PAGES = (
    "/", "/collections", "/collections/edges", "/collections/edges/items", "/collections/edges/items/greenwich",
    "/search?limit=5", "/search?limit=5&fields=id", "/search?limit=5&fields=-id,-links,-properties,-assets",
    "/collections?fields=-id,-title,-links,-extent", "/collections?fields=-description",
    "/queryables", "/collections/scenes/queryables", "/conformance",
    "/collections/edges/statistics", "/api.html", "/nothing", "/search?bbox=1", "/?f=xml", "/nothing?f=xml",
)  # fmt: skip


class Outline(HTMLParser):
    """What a screen reader needs, collected."""

    VOID = frozenset({"meta", "br", "img", "input", "wbr"})

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
    assert len(outline.all("label")) == len(outline.all("input"))
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
    ):
        for each in Outline(api("GET", path, headers=BROWSER).text).all("a"):
            target = each["href"] or ""
            if target.startswith(api.url):
                assert api("GET", target, headers=BROWSER).status_code == 200, target


def test_what_a_client_sends_is_never_markup(api: Client) -> None:
    answer = api("GET", "/search?bbox=<script>alert(1)</script>", headers=BROWSER)
    assert answer.status_code == 400
    assert "<script>" not in answer.text
