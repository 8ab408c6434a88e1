"""One spelling for a blob's URL, whatever was written."""

import pytest

from eventstac.blob_urls import BlobName, canonical_etag, canonical_url, parse
from eventstac.containers import ContainerNames, Watched
from eventstac.errors import Rejected
from eventstac.events.cog import CogCompleted
from eventstac.fields import Fields

ACCOUNT = "https://account.blob.core.windows.net"


@pytest.mark.parametrize(
    "path",
    [
        "../thumbnails/x.tif",
        "%2e%2e/thumbnails/x.tif",
        "a/../../thumbnails/x.tif",
        "a/./x.tif",
        "a/..",
        "a\\..\\..\\thumbnails\\x.tif",
        "a%5C..%5C..%5Cthumbnails%5Cx.tif",
    ],
)
def test_dots_in_a_path_do_not_lead_out_of_a_declared_container(path: str) -> None:
    watched = Watched(ACCOUNT, ContainerNames(("source",), ("cogs",), "thumbnails"))
    with pytest.raises(Rejected) as rejection:
        watched.any(f"{ACCOUNT}/source/{path}")
    assert rejection.value.reason == "bad-url"


def test_names_that_merely_have_dots_are_names() -> None:
    assert parse(f"{ACCOUNT}/source/a/..b/c..tif").path == "a/..b/c..tif"


@pytest.mark.parametrize(
    "url", ["http://[bad/source/x", "http://a\u2100b/source/x", f"{ACCOUNT}/source/\ud800"]
)
def test_what_urllib_cannot_split_is_rejected_and_does_not_crash(url: str) -> None:
    with pytest.raises(Rejected) as rejection:
        parse(url)
    assert rejection.value.reason == "bad-url"


def test_the_canonical_url_of_an_ipv6_host_is_a_url() -> None:
    url = canonical_url("http://[::1]:10000/account/source/x.tif")
    assert url == "http://[::1]:10000/account/source/x.tif"
    assert canonical_url(url) == url


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("a b.tif", "a%20b.tif"),
        ("a+b.tif", "a%2Bb.tif"),
        ("a%2bb.tif", "a%2Bb.tif"),
        ("50%.tif", "50%25.tif"),
        ("a%23b%3Fc.tif?sv=1&sig=x#part", "a%23b%3Fc.tif"),
        ("\u00e9t\u00e9.tif", "%C3%A9t%C3%A9.tif"),
        ("%E9.tif", "%25E9.tif"),
        ("a//b.tif", "a//b.tif"),
        ("folder/", "folder/"),
        ("win\\a.tif", "win/a.tif"),  # the storage keeps a backslash as a slash
        ("win%5Ca.tif", "win/a.tif"),
        ("win%5cdeep%5C\\a.tif", "win/deep//a.tif"),
        ("a%255Cb.tif", "a%255Cb.tif"),
        ("a b+c%25.tif?sv=2024-11-04&sr=b&sig=a%2Bb%2Fc%3D", "a%20b%2Bc%25.tif"),
        ("a.tif?snapshot=2024-01-01T00:00:00.0000000Z", "a.tif"),
        ("100%25%20%23%2B.tif", "100%25%20%23%2B.tif"),
        ("\u5730\u56fe.tif", "%E5%9C%B0%E5%9B%BE.tif"),
        ("(a)!$&'*,;=:@.tif", "%28a%29%21%24%26%27%2A%2C%3B%3D%3A%40.tif"),
        ("\u5730" * 1020 + ".tif", "%E5%9C%B0" * 1020 + ".tif"),  # 1,024 characters: the longest name
        ("%e5%9c%b0" * 1020 + ".tif", "%E5%9C%B0" * 1020 + ".tif"),
    ],
)
def test_every_spelling_of_a_path_is_one(written: str, canonical: str) -> None:
    for account in (ACCOUNT, "HTTPS://ACCOUNT.dfs.core.windows.net:443"):
        assert canonical_url(f"{account}/source/{written}") == f"{ACCOUNT}/source/{canonical}"
    assert parse(f"{ACCOUNT}/source/{canonical}").url == f"{ACCOUNT}/source/{canonical}"


def test_a_url_put_together_by_a_windows_program_is_a_blobs() -> None:
    assert canonical_url(f"{ACCOUNT}\\source\\a.tif") == f"{ACCOUNT}/source/a.tif"


def test_a_name_of_its_parts_is_the_one_that_its_url_says() -> None:
    name = BlobName(ACCOUNT, "source", "win\\a.tif")
    assert name == parse(f"{ACCOUNT}/source/win%5Ca.tif")
    assert name.url == f"{ACCOUNT}/source/win/a.tif"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("0x8DC0FFEE", "0x8DC0FFEE"),  # an event, and a listing
        ('"0x8DC0FFEE"', "0x8DC0FFEE"),  # a header of the blob endpoint, and of the dfs endpoint
        ('W/"0x8DC0FFEE"', "0x8DC0FFEE"),  # a proxy that compresses
        (' "0x8DC0FFEE"\r\n', "0x8DC0FFEE"),
        ("0x8dc0ffee", "0x8dc0ffee"),  # opaque: another case is another ETag
        ("W0x1", "W0x1"),
        ('""', ""),
        ('W/""', ""),
        ("", ""),
        (" \t", ""),
        (None, ""),
    ],
)
def test_every_spelling_of_an_etag_is_one(written: str | None, canonical: str) -> None:
    assert canonical_etag(written) == canonical
    assert canonical_etag(canonical) == canonical


@pytest.mark.parametrize("written", ["0x1", '"0x1"', 'W/"0x1"', ' "0x1" '])
def test_an_event_of_a_finished_cog_is_read_whatever_its_etags_look_like(written: str) -> None:
    urls = {"source_url": f"{ACCOUNT}/source/a.tif", "cog_url": f"{ACCOUNT}/cogs/a.tif"}
    event = CogCompleted.read(Fields({**urls, "source_etag": written, "cog_etag": written}, "data"))
    assert (event.source_etag, event.cog_etag) == ("0x1", "0x1")


@pytest.mark.parametrize(
    ("host", "canonical"),
    [
        ("http://account.blob.core.windows.net", ACCOUNT),
        ("http://account.blob.core.windows.net:80", ACCOUNT),
        ("https://account.dfs.core.windows.net", ACCOUNT),
        ("https://account.privatelink.dfs.core.windows.net", ACCOUNT),
        ("https://account.privatelink.blob.core.windows.net", ACCOUNT),
        ("https://account-secondary.blob.core.windows.net", ACCOUNT),
        ("https://account-secondary.dfs.core.windows.net:443", ACCOUNT),
        ("https://account.blob.core.windows.net.", ACCOUNT),
        ("http://account.z05.dfs.storage.azure.net", "https://account.z05.blob.storage.azure.net"),
        ("https://account.z05.blob.storage.azure.net", "https://account.z05.blob.storage.azure.net"),
        (
            "https://account.privatelink.z05.dfs.storage.azure.net",
            "https://account.z05.blob.storage.azure.net",
        ),
        ("https://account.dfs.core.chinacloudapi.cn", "https://account.blob.core.chinacloudapi.cn"),
        ("http://maps.example.org", "http://maps.example.org"),
        ("https://maps.zone.dfs.example.org", "https://maps.zone.dfs.example.org"),
    ],
)
def test_every_endpoint_of_an_account_is_its_blob_endpoint(host: str, canonical: str) -> None:
    assert canonical_url(f"{host}/source/x.tif") == f"{canonical}/source/x.tif"
    assert canonical_url(canonical_url(f"{host}/source/x.tif")) == f"{canonical}/source/x.tif"
