"""HTTP triggers behave as behind Azure's host."""

import gzip
import json
import threading
from pathlib import Path

from infra.local.functions_host.testing import RunningHost, running_host
from infra.local.functions_host.tests.conftest import APPS

BOTH_OF_TWO = 2


def test_a_route_gives_its_parameters_query_headers_and_body(web: RunningHost) -> None:
    status, headers, body = web.request(
        "POST", "/api/items/7/a%20b/c?q=1&q=2&r=%C3%BC", b"\x00\xfe", {"X-A": "1"}
    )

    assert status == 201
    expected = f"POST {{'id': '7', 'rest': 'a b/c'}} {{'q': '1,2', 'r': 'ü'}} http://127.0.0.1:{web.port}"
    assert body == expected.encode() + b"/api/items/7/a%20b/c?q=1&q=2&r=%C3%BC 1 \x00\xfe"
    assert headers["content-type"] == "text/plain; charset=utf-8"


def test_a_packed_body_an_absolute_target_and_line_ends_come_as_they_were_sent(web: RunningHost) -> None:
    packed = gzip.compress(b"text")
    url = f"http://127.0.0.1:{web.port}/api/items/7/a%0Ab?q=1"
    status, _, body = web.request("POST", url, packed, {"Content-Encoding": "gzip"})

    assert status == 201
    assert body == f"POST {{'id': '7', 'rest': 'a\\nb'}} {{'q': '1'}} {url} None ".encode() + packed


def test_another_method_another_type_or_an_unknown_route_is_not_found(web: RunningHost) -> None:
    for method, path in [
        ("PUT", "/api/items/7/x"),
        ("GET", "/api/items/x/y"),
        ("GET", "/"),
        ("GET", "/api/nothing"),
    ]:
        assert web.request(method, path)[::2] == (404, b"")


def test_a_guarded_function_needs_the_key_in_the_header_or_the_query(web: RunningHost) -> None:
    for name in ("guarded", "administered"):
        assert web.request("GET", f"/api/{name}")[0] == 401
        assert web.request("GET", f"/api/{name}?code=wrong")[0] == 401
        assert web.request("GET", f"/api/{name}", headers={"x-functions-key": ""})[0] == 401
        assert web.request("GET", f"/api/{name}?code=s3cret")[0] == 200
        assert web.request("GET", f"/api/{name}", headers={"X-Functions-Key": "s3cret"})[0] == 200


def test_a_string_is_a_text_response(web: RunningHost) -> None:
    status, headers, body = web.request("GET", "/api/guarded?code=s3cret")

    assert (status, headers["content-type"], body) == (200, "text/plain; charset=utf-8", b"let in")


def test_bytes_and_cookies_come_through(web: RunningHost) -> None:
    _, headers, body = web.request("GET", "/api/administered?code=s3cret")

    assert body == b"\x00\xff"
    assert headers.get_all("set-cookie") == ["a=1; HttpOnly; Path=/", "b=2"]
    assert headers["content-type"] == "application/octet-stream"


def test_an_exception_is_a_500_without_details_and_is_logged(web: RunningHost) -> None:
    assert web.request("GET", "/api/fails")[::2] == (500, b"")

    line = web.event("invocation", function="fails")
    assert line["outcome"] == "failed"
    assert "as it was asked to" in line["error"]
    assert web.wait_for(lambda line: "ValueError: as it was asked to" in line.get("exception", ""))


def test_a_missing_response_fails_as_in_the_real_worker(web: RunningHost) -> None:
    assert web.request("GET", "/api/silent")[::2] == (500, b"")
    assert "NoneType" in web.event("invocation", function="silent")["error"]


def test_sync_functions_run_side_by_side_in_threads(web: RunningHost) -> None:
    answers: list[bytes] = []
    calls = [
        threading.Thread(target=lambda: answers.append(web.request("GET", "/api/meets")[2]))
        for _ in range(BOTH_OF_TWO)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()

    lines = web.wait_for(lambda line: line.get("message") == "met", BOTH_OF_TWO)
    assert sorted(answers) == sorted(f"meets {line['invocation']}".encode() for line in lines)
    assert {line["blob"] for line in lines} == {"b"}


def test_settings_are_as_on_azure(web: RunningHost) -> None:
    names = "FUNCTIONS_WORKER_RUNTIME,FUNCTIONS_EXTENSION_VERSION,WEBSITE_SITE_NAME"

    assert web.request("GET", f"/api/settings?names={names}")[2] == b"python,~4,web"


def test_what_the_app_prints_passes_through(web: RunningHost) -> None:
    assert web.wait_for(lambda line: line.get("text") == "text of the app itself")


def test_the_status_lists_functions_and_what_they_did(web: RunningHost) -> None:
    status = web.status()

    assert (status["state"], status["ready"]) == ("Running", True)
    found = {function["name"]: function for function in status["functions"]}
    assert found["item"]["trigger"] == "http /api/items/{id:int}/{*rest}"
    assert found["item"]["running"] == 0


def test_running_an_http_function_by_hand_points_to_its_route(web: RunningHost) -> None:
    headers = {"Content-Type": "application/json", "x-functions-key": "s3cret"}

    status, _, body = web.request("POST", "/admin/functions/item", b"{}", headers)
    assert (status, "/api/items" in body.decode()) == (400, True)
    assert web.request("POST", "/admin/functions/none", b"{}", headers)[0] == 404
    assert web.request("POST", "/admin/functions/item", b"[", headers)[0] == 400
    assert web.request("POST", "/admin/functions/item", b"{}", {"x-functions-key": "s3cret"})[0] == 415
    assert web.request("POST", "/admin/functions/item", b"{}", {"Content-Type": "application/json"})[0] == 401


def test_an_asgi_app_without_prefix_gets_everything_but_admin(state: Path) -> None:
    with running_host(APPS / "asgi", state) as host:
        for path in ("/", "/a/b%2Fc%20d"):
            status, headers, body = host.request("POST", f"{path}?x=%20y", b"text")
            assert (status, headers["content-type"]) == (200, "application/geo+json")
            decoded = {"/": "/", "/a/b%2Fc%20d": "/a/b/c d"}[path]
            assert json.loads(body) == {"path": decoded, "query": "x=%20y", "method": "POST", "body": "text"}
        for path in ("/admin/host/other", "/admin/a%0Ab", "http://elsewhere/admin/host/other"):
            assert host.request("GET", path)[0] == 404
        assert host.request("OPTIONS", "*")[0] == 404
        assert host.status()["ready"] is True


def test_a_body_above_the_limit_is_refused(web: RunningHost) -> None:
    headers = {"Content-Length": str(100 * 1024 * 1024 + 1)}

    assert web.request("POST", "/api/items/7/x", b"", headers)[0] == 413
