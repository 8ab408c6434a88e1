from email.message import Message
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tests.integration.conftest import CatalogDatabase
from tests.integration.stac_api.conftest import Client
from tests.integration.stac_api.places import Place


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ({"X-Forwarded-Proto": "https", "X-Forwarded-Host": "stac.example.com"}, "https://stac.example.com"),
        ({"X-Forwarded-Host": "a.example, b.example", "X-Forwarded-Prefix": "/eo/"}, "http://a.example/eo"),
        ({"X-Forwarded-Host": "a.example", "X-Forwarded-Port": "8443"}, "http://a.example:8443"),
        ({"X-Forwarded-Host": "a.example", "X-Forwarded-Port": "443", "X-Forwarded-Proto": "https"}, "https://a.example"),
        ({"X-Forwarded-Host": "a.example:81", "X-Forwarded-Port": "8443"}, "http://a.example:81"),
        ({"X-Forwarded-Port": "8443"}, "http://127.0.0.1:8443"),  # in place of the port behind the proxy
        ({"X-Forwarded-Host": "a.example", "X-Forwarded-Port": "²"}, "http://a.example"),
        ({"X-Forwarded-Host": "a.example", "X-Forwarded-Port": "65536"}, "http://a.example"),
        ({"Forwarded": 'for=1.2.3.4;host="f.example:81";proto=https, for=2'}, "https://f.example:81"),
        ({"Forwarded": 'for="[::1]:4,711";host=f.example;PROTO=HTTPS'}, "https://f.example"),
        ({"Forwarded": "host=f.example;proto=https, host=inner;proto=http"}, "https://f.example"),
        ({"Forwarded": "for=1.2.3.4;;host=f.example"}, "http://f.example"),
        ({"Forwarded": ", ;host=f.example;; proto=https;"}, "https://f.example"),
        ({"Forwarded": 'by="a\\"b;host=no.example";host=f.example'}, "http://f.example"),
        ({"X-Forwarded-Proto": "HTTPS", "X-Forwarded-Host": "my_stac.example"}, "https://my_stac.example"),
        ({"X-Forwarded-Host": "evil.example/\"><script>"}, None),
        ({"X-Forwarded-Prefix": "//evil\"<"}, None),
        ({"X-Forwarded-Prefix": "/a/../b"}, None),
        ({"X-Forwarded-Prefix": "/" + "a" * 2_000, "X-Forwarded-Proto": "https"}, None),
        ({"X-Forwarded-Prefix": "/a/%2e%2E/b"}, None),
        ({"Forwarded": 'host="h.example:65536"'}, None),
        ({"X-Forwarded-Proto": "javascript"}, None),
        ({"Forwarded": "host=a.example:1:2;proto=ftp", "X-Forwarded-Host": "b.example", "X-Forwarded-Proto": "https"},
         "https://b.example"),
        ({"Forwarded": "host=<a>", "X-Forwarded-Host": "b.example", "X-Forwarded-Port": "81"}, "http://b.example:81"),
        ({"Forwarded": "host=<a>", "X-Forwarded-Host": "<b>"}, None),
        ({"Forwarded": "for=1.2.3.4;host=a.example:None;proto=https;path=/"}, "https://a.example"),
        ({"Forwarded": "for=1.2.3.4;host=127.0.0.1:8100:8100;proto=http;path=/"}, "http://127.0.0.1:8100"),
        ({"Forwarded": 'host="[::1]:81:81"'}, "http://[::1]:81"),
        ({"Forwarded": "host=a.example:81:81:81"}, None),
        ({"Forwarded": "host=a.example:82:81"}, None),
        ({"Forwarded": "host=:None"}, None),
    ],
)  # fmt: skip
def test_links_begin_with_what_the_client_sees_behind_a_proxy(
    api: Client, headers: dict[str, str], base: str | None
) -> None:
    page = api("GET", "/search", params={"limit": 1}, headers=headers).json()
    expected = base or api.url
    hrefs = [link["href"] for link in page["links"]]
    hrefs += [link["href"] for link in page["features"][0]["links"] if link["rel"] != "derived_from"]
    assert hrefs
    assert all(href.startswith(f"{expected}/") for href in hrefs), hrefs


ROOT = "https://stac.example.com/root"


def test_a_root_url_setting_wins_over_headers_in_every_link(place: Place, loaded: CatalogDatabase) -> None:
    with place.serve(loaded, STAC_ROOT_URL=f"{ROOT}/") as running, Client(running.url).session as session:
        for path in ("/", "/collections?limit=1", "/collections/edges", "/collections/edges/items?limit=1",
                     "/collections/edges/items/greenwich", "/search?limit=1"):  # fmt: skip
            page = session.get(
                running.url + path, headers={"X-Forwarded-Host": "other.example"}, timeout=30
            ).json()
            own = [link["href"] for link in page["links"] if link["rel"] not in ("derived_from", "license")]
            assert own
            for href in own:
                assert href.startswith(f"{ROOT}/"), href
                assert "/root" not in href.removeprefix(ROOT)


@pytest.mark.parametrize(
    "path", ["/", "/collections", "/collections/edges", "/collections/edges/items/period", "/search?limit=2"]
)
def test_an_unchanged_document_is_304(api: Client, path: str) -> None:
    first = api("GET", path)
    assert first.headers["Cache-Control"] == "no-cache"
    again = api("GET", path, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["ETag"] == first.headers["ETag"]
    assert api("GET", path, headers={"If-None-Match": "*"}).status_code == 304
    assert api("GET", path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_search_by_post_is_answered_whatever_its_client_has(api: Client) -> None:
    answer = api("POST", "/search", json={"limit": 1}, headers={"If-None-Match": "*"})
    assert answer.status_code == 200
    assert "ETag" not in answer.headers


def test_several_lines_of_one_header_are_one_list(api: Client) -> None:
    """As proxies may write it (RFC 9110, 5.3)."""
    path = "/search?limit=50"
    etag = api("GET", path).headers["ETag"]

    def status_and_headers(*lines: tuple[str, str], body: bytes = b"") -> tuple[int, Message]:
        connection = HTTPConnection(urlsplit(api.url).netloc, timeout=30)
        connection.putrequest("POST" if body else "GET", path)
        for line in (*lines, ("Content-Length", str(len(body)))):
            connection.putheader(*line)
        connection.endheaders(body)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.headers

    for tags in (('"other"', etag), (etag, '"other"'), ('"other"', f'"more", {etag}')):
        assert status_and_headers(*(("If-None-Match", tag) for tag in tags))[0] == 304, tags
    assert status_and_headers(("If-None-Match", '"other"'), ("If-None-Match", '"more"'))[0] == 200
    for accepted in (("application/json;q=0.5", "text/html"), ("text/html", "application/json;q=0.5")):
        _, headers = status_and_headers(*(("Accept", each) for each in accepted))
        assert headers["Content-Type"].startswith("text/html"), accepted
    for codings, expected in (
        (("identity", "gzip"), 415),
        (("gzip", "identity"), 415),
        (("identity", "Identity"), 200),
    ):
        told = (("Content-Encoding", each) for each in codings)
        assert status_and_headers(*told, body=b"{}")[0] == expected, codings


def test_an_item_says_when_it_was_last_modified(api: Client) -> None:
    path = "/collections/edges/items/fiji-west"
    first = api("GET", path)
    assert first.headers["Last-Modified"] == "Sat, 06 May 2023 07:08:09 GMT"
    assert "Last-Modified" not in api("GET", "/collections/edges/items/period").headers
    # By its date alone an Item is never taken for the same: a rule changes it, and leaves the date of its blobs.
    since = {"If-Modified-Since": "Sun, 07 May 2023 00:00:00 GMT"}
    assert api("GET", path, headers=since).status_code == 200
    assert api("GET", path, headers=since | {"If-None-Match": '"other"'}).status_code == 200
    assert api("GET", path, headers=since | {"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_html_and_json_have_etags_of_their_own(api: Client) -> None:
    as_json = api("GET", "/collections/edges")
    as_html = api("GET", "/collections/edges", headers={"Accept": "text/html"})
    assert as_json.headers["ETag"] != as_html.headers["ETag"]
    assert "Accept" in as_json.headers["Vary"]


def test_any_web_page_may_ask(api: Client) -> None:
    answer = api("GET", "/search", headers={"Origin": "https://map.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    told = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert sorted(told) == ["ETag", "Link", "Retry-After", "X-Request-Id"]
    preflight = api(
        "OPTIONS",
        "/search",
        headers={
            "Origin": "https://map.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
            "Access-Control-Request-Private-Network": "true",  # Chromium, of an API on this machine
        },
    )
    assert preflight.status_code == 200, preflight.text
    assert preflight.headers["Access-Control-Allow-Private-Network"] == "true"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    for path in ("/search", "/_mgmt/ping", "/nothing"):
        for headers in ({}, {"Origin": "https://map.example"}):
            varies = api("GET", path, headers=headers).headers.get("Vary", "").split(", ")
            assert varies.count("Origin") == (1 if headers or path != "/_mgmt/ping" else 0), varies
    refused = api("GET", "/nothing", headers={"Origin": "https://map.example"})
    assert refused.headers["Access-Control-Allow-Origin"] == "*"


def test_a_request_id_is_given_or_kept(api: Client) -> None:
    assert len(api("GET", "/conformance").headers["X-Request-Id"]) == 32
    assert api("GET", "/conformance", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    assert api("GET", "/conformance", headers={"X-Request-Id": "a b<"}).headers["X-Request-Id"] != "a b<"


@pytest.mark.parametrize("place", ["invocations"], indirect=True, scope="session")
def test_answers_within_invocations_are_whole_and_not_compressed(api: Client) -> None:
    packed = api("GET", "/search", params={"limit": 50}, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in packed.headers
    assert packed.json()["numberReturned"] == 50


def test_large_answers_are_compressed_for_who_takes_it(api: Client) -> None:
    """And a small one is not, nor one for a client that does not say that it takes gzip."""
    packed = api("GET", "/search", params={"limit": 50}, headers={"Accept-Encoding": "gzip"})
    plain = api("GET", "/search", params={"limit": 50}, headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert "Content-Encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert packed.headers["ETag"] == plain.headers["ETag"]
    assert int(packed.headers["Content-Length"]) * 4 < len(plain.content)
    by_post = api("POST", "/search", json={"limit": 50}, headers={"Accept-Encoding": "gzip"})
    assert by_post.headers["Content-Encoding"] == "gzip"
    assert by_post.json()["features"] == plain.json()["features"]
    assert "Content-Encoding" not in api("GET", "/_mgmt/ping").headers


def test_head_answers_without_a_body(api: Client) -> None:
    answer = api("HEAD", "/collections/edges")
    assert answer.status_code == 200
    assert answer.content == b""


def test_media_types_are_those_of_the_specifications(api: Client) -> None:
    for path, expected in {
        "/": "application/json",
        "/search": "application/geo+json",
        "/collections/edges/items/period": "application/geo+json",
        "/queryables": "application/schema+json",
        "/api": "application/vnd.oai.openapi+json;version=3.0",
        "/api.html": "text/html; charset=utf-8",
    }.items():
        assert api("GET", path).headers["Content-Type"] == expected


def test_an_error_is_packed_as_other_answers_are(api: Client) -> None:
    for accept in ("text/html", "application/json"):
        headers = {"Accept": accept, "Accept-Encoding": "gzip"}
        told = api("GET", "/search", params={"datetime": "x" * 2_000}, headers=headers)
        assert told.status_code == 400
        assert told.headers["Content-Encoding"] == "gzip"
        assert told.headers["Content-Type"].startswith(accept)
        assert told.headers["Cache-Control"] == "no-store"
        assert "Accept-Encoding" in told.headers["Vary"]
        assert "datetime: " in told.text
