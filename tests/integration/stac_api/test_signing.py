"""Signed addresses of assets: for whom, of what, and what they open in a real storage account."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import psycopg
import pytest
import requests
from azure.core.exceptions import ServiceRequestError
from azure.storage.blob import BlobServiceClient, UserDelegationKey
from starlette.requests import Request

from eventstac.azure.blob_service import open_blob_service
from eventstac.azure.blob_signing import BlobSigner
from eventstac.errors import Transient
from infra.local.azurite.testing import Azurite, running_azurite
from stac_api.callers import is_signed_in
from stac_api.errors import Unavailable
from stac_api.signing import sign_with
from tests.integration.conftest import CatalogDatabase
from tests.integration.stac_api import catalog
from tests.integration.stac_api.conftest import Client, load
from tests.integration.stac_api.places import MAIN, Place

SHOWN, THUMBNAIL, NEIGHBOUR, RETIRED = "a/wörld 1.tif", "thumb.png", "a/other.tif", "old.tif"


def principal(**changes: Any) -> str:
    told = {"auth_typ": "aad", "claims": [{"typ": "name", "val": "someone"}], "name_typ": "", **changes}
    return base64.b64encode(json.dumps(told).encode()).decode()


SIGNED_IN = {"X-MS-CLIENT-PRINCIPAL": principal()}


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    with running_azurite(tmp_path_factory.mktemp("azurite")) as running:
        with BlobServiceClient.from_connection_string(running.connection_string) as service:
            container = service.create_container("source")
            for name in (SHOWN, THUMBNAIL, NEIGHBOUR, RETIRED):
                container.upload_blob(name, name.encode())
        yield running


def url_of(azurite: Azurite, name: str) -> str:
    return f"{azurite.url}/source/{quote(name, safe='/')}"


@pytest.fixture(scope="module")
def shown(database: CatalogDatabase, azurite: Azurite) -> CatalogDatabase:
    """A catalog with one Item of two assets in the account, one elsewhere, and one that no fact tells of."""
    item = catalog.item("mine", "edges", [0, 0, 1, 1], "2024-01-01T00:00:00Z")
    item["assets"] = {
        "data": {"href": url_of(azurite, SHOWN)},
        "thumbnail": {"href": url_of(azurite, THUMBNAIL)},
        "far": {"href": "https://example.com/far.tif"},
        "by_hand": {"href": url_of(azurite, NEIGHBOUR)},
    }
    load(database.settings.conninfo, catalog.COLLECTIONS, [item])
    with psycopg.connect(database.settings.conninfo, autocommit=True) as connection:
        for name, thumbnail in ((SHOWN, url_of(azurite, THUMBNAIL)), (RETIRED, None)):
            connection.execute(
                "INSERT INTO eventstac.facts "
                "(url, collection, item, asset, kind, state, seen, etag, revision, document) "
                "VALUES (%s, 'edges', 'mine', 'data', 'source', 'present', now(), 'e', 1, %s)",
                [url_of(azurite, name), json.dumps({"finding": {"thumbnail": thumbnail}})],
            )
    return database


@pytest.fixture(scope="module")
def signing(place: Place, shown: CatalogDatabase, azurite: Azurite) -> Iterator[Client]:
    """The API, signing."""
    with place.serve(
        shown,
        BlobStorage=azurite.connection_string,
        STAC_API_SIGNING="on",
        STAC_API_SIGN_IN="platform",
        STAC_API_SIGN_S="600",
    ) as running:
        client = Client(running.url)
        yield client
        client.session.close()


in_the_main_places = pytest.mark.parametrize("place", MAIN, indirect=True, scope="session")


def sign(api: Client, href: str, **headers: str) -> requests.Response:
    return api("GET", "/sign", params={"href": href}, headers=headers or SIGNED_IN)


@in_the_main_places
@pytest.mark.parametrize("name", [SHOWN, THUMBNAIL])
def test_a_signed_href_reads_its_blob_and_does_nothing_else(
    signing: Client, azurite: Azurite, name: str
) -> None:
    href = url_of(azurite, name)
    assert requests.get(href, timeout=10).status_code in (403, 404)  # closed without a signature
    before = datetime.now(UTC)
    answer = sign(signing, href)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    signed = answer.json()["href"]
    assert signed.startswith(f"{href}?")
    expires = datetime.fromisoformat(answer.json()["expires"])
    assert timedelta(seconds=590) <= expires - before <= timedelta(seconds=660)

    assert requests.get(signed, timeout=10).content == name.encode()
    query = urlsplit(signed).query
    assert parse_qs(query)["sp"] == ["r"]
    assert parse_qs(query)["sr"] == ["b"]
    assert requests.put(signed, b"x", headers={"x-ms-blob-type": "BlockBlob"}, timeout=10).status_code == 403
    assert requests.delete(signed, timeout=10).status_code == 403
    neighbour = f"{url_of(azurite, NEIGHBOUR)}?{query}"
    assert requests.get(neighbour, timeout=10).status_code == 403
    listing = f"{azurite.url}/source?restype=container&comp=list&{query}"
    assert requests.get(listing, timeout=10).status_code == 403
    assert requests.get(signed, timeout=10).content == name.encode()


@in_the_main_places
def test_only_what_an_item_shows_is_signed_to_the_letter(signing: Client, azurite: Azurite) -> None:
    shown = url_of(azurite, SHOWN)
    for href in (
        url_of(azurite, NEIGHBOUR),
        url_of(azurite, RETIRED),  # there is a fact, yet the Item shows another blob
        shown + "?x",
        shown + "/",
        shown[:-1],
        shown.replace("source", "SOURCE"),
        shown.replace("%C3%B6", "ö"),
        shown.replace("/a/", "/b/../a/"),
        f"{azurite.url}/source/%",
        azurite.url,
        f"{azurite.url}/",
        f"{azurite.url}/source",
        f"{azurite.url}/source?restype=container&comp=list",
        shown.replace("/source/", "//source/"),
        shown.replace("/source/", "/source/./"),
        shown.replace("/source/", "/source/x/../"),
        shown.replace("http://", "HTTP://"),
        f" {shown}",
    ):
        assert sign(signing, href).status_code == 404, href
    refused = sign(signing, url_of(azurite, NEIGHBOUR)).json()
    assert refused["code"] == "NotFound"
    assert "made from files" in refused["description"]


@in_the_main_places
@pytest.mark.parametrize(
    "href",
    [
        "https://example.com/far.tif",
        "s3://bucket/key",
        "https://x.blob.core.windows.net/c/b",
        "https://x.blob.core.windows.net/c/../b",
        "http://example.com",
    ],
)
def test_an_href_elsewhere_is_left_alone(signing: Client, href: str) -> None:
    assert sign(signing, href).json() == {"href": href, "expires": None}


@in_the_main_places
@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "*/*"},
        {"X-MS-CLIENT-PRINCIPAL": ""},
        {"X-MS-CLIENT-PRINCIPAL": "no base64!"},
        {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(b"no JSON").decode()},
        {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(b"[]").decode()},
        {"X-MS-CLIENT-PRINCIPAL": principal(claims=[])},
        {"X-MS-CLIENT-PRINCIPAL": principal(auth_typ=None)},
        {"X-MS-CLIENT-PRINCIPAL-ID": "someone"},
        {"Authorization": "Bearer x"},
    ],
)
def test_who_did_not_sign_in_gets_nothing(signing: Client, azurite: Azurite, headers: dict[str, str]) -> None:
    answer = sign(signing, url_of(azurite, SHOWN), **headers)
    assert answer.status_code == 401
    assert answer.json()["code"] == "Unauthorized"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_two_principals_are_none() -> None:
    """Whoever wrote the second: the platform writes one, in place of what a client sends."""
    once = (b"x-ms-client-principal", principal().encode())
    for headers, signed_in in (([once], True), ([once, once], False)):
        request = Request({"type": "http", "headers": headers})
        assert is_signed_in(request, "platform") is signed_in


async def test_a_storage_that_gives_no_key_is_told_as_unavailable() -> None:
    href = "https://account.blob.core.windows.net/source/a.tif"

    async def row(_sql: str, *_args: object) -> tuple[bool]:
        return (True,)

    giver = KeyGiver()
    giver.away = True
    request = Request(
        {
            "type": "http",
            "query_string": f"href={href}".encode(),
            "headers": [(b"x-ms-client-principal", principal().encode())],
            "services": SimpleNamespace(
                settings=SimpleNamespace(sign_in="platform", sign_s=600), database=SimpleNamespace(row=row)
            ),
        }
    )
    with pytest.raises(Unavailable, match="no key to sign with"):
        await sign_with(BlobSigner(giver))(request)  # type: ignore[arg-type]


@in_the_main_places
@pytest.mark.parametrize(
    "query",
    ["", "?href=", "?href=https://a.b/c&href=https://a.b/d", "?href=%00", "?href=https://a.b/%00",
     f"?href=https://a.b/{'a' * 5000}", "?href=relative.tif", "?href=/devstoreaccount1/source/a.tif",
     "?href=javascript:alert(1)", "?href=http://[", "?href=http://a.b:99999/c", "?href=file:///c", "?href=//a.b/c"],
)  # fmt: skip
def test_a_request_without_one_href_is_400(signing: Client, query: str) -> None:
    answer = signing("GET", f"/sign{query}", headers=SIGNED_IN)
    assert answer.status_code == 400
    assert answer.json()["description"].startswith("href: ")


@in_the_main_places
def test_openapi_tells_of_it_only_where_it_is_on(signing: Client) -> None:
    assert "/sign" in signing.get("/api")["paths"]
    assert signing("POST", "/sign", headers=SIGNED_IN).status_code == 405


def test_without_the_setting_there_is_no_such_page(api: Client) -> None:
    assert sign(api, "https://example.com/far.tif").status_code == 404
    assert "/sign" not in api.get("/api")["paths"]


def test_the_look_up_goes_by_indexes(shown: CatalogDatabase) -> None:
    from stac_api.signing import _SHOWN

    with psycopg.connect(shown.settings.conninfo, options="-c search_path=pgstac,public") as connection:
        connection.execute("SET enable_seqscan = off")
        sql = _SHOWN.replace("$1", "'x'")
        plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN {sql}"))
    assert "facts_by_url" in plan
    assert "facts_by_thumbnail" in plan
    assert "Seq Scan" not in plan


class KeyGiver:
    """Stands in for an account that only gives delegation keys: Azurite does so over TLS only."""

    url = "https://account.blob.core.windows.net/"
    account_name = "account"
    credential = object()

    def __init__(self) -> None:
        self.asked: list[tuple[datetime, datetime]] = []
        self.away = False

    def get_user_delegation_key(self, start: datetime, end: datetime) -> UserDelegationKey:
        if self.away:
            raise ServiceRequestError("away")
        self.asked.append((start, end))
        key = UserDelegationKey()  # type: ignore[no-untyped-call]
        key.signed_oid = key.signed_tid = "0"
        key.signed_start, key.signed_expiry = start.isoformat(), end.isoformat()
        key.signed_service, key.signed_version = "b", "2025-01-05"
        key.value = base64.b64encode(b"k" * 32).decode()
        return key


def test_a_delegation_key_is_kept_until_before_it_ends() -> None:
    giver, now = KeyGiver(), [datetime(2024, 1, 1, tzinfo=UTC)]
    signer = BlobSigner(giver, now=lambda: now[0])  # type: ignore[arg-type]
    url, hour = "https://account.blob.core.windows.net/source/a.tif", timedelta(hours=1)
    while now[0] < datetime(2024, 1, 2, tzinfo=UTC):
        signed, ends = signer.sign(url, hour)
        parts = parse_qs(urlsplit(signed).query)
        assert ends == now[0] + hour
        assert giver.asked[-1][1] >= ends  # a signature does not outlive its key
        # A storage whose clock is behind takes both.
        assert giver.asked[-1][0] <= datetime.fromisoformat(parts["st"][0]) == now[0] - timedelta(minutes=5)
        assert parts["sp"] == ["r"]
        assert parts["sr"] == ["b"]
        assert parts["spr"] == ["https"]
        now[0] += timedelta(minutes=7)
    assert len(giver.asked) == 5
    giver.away = True
    now[0] += timedelta(hours=7)
    with pytest.raises(Transient):
        signer.sign(url, hour)
    with pytest.raises(ValueError, match="at most"):
        signer.sign(url, timedelta(hours=1, seconds=1))


def test_an_expired_signature_opens_nothing(azurite: Azurite) -> None:
    past = datetime.now(UTC) - timedelta(minutes=30)
    with open_blob_service({"BlobStorage": azurite.connection_string}) as service:
        signed, _ = BlobSigner(service, now=lambda: past).sign(url_of(azurite, SHOWN), timedelta(minutes=10))
    assert requests.get(signed, timeout=10).status_code == 403
