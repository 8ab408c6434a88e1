"""One spelling for a blob's URL, whatever was written."""

import pytest

from eventstac.blob_urls import canonical_url, parse
from eventstac.containers import ContainerNames, Watched
from eventstac.errors import Rejected

ACCOUNT = "https://account.blob.core.windows.net"


@pytest.mark.parametrize(
    "path",
    ["../thumbnails/x.tif", "%2e%2e/thumbnails/x.tif", "a/../../thumbnails/x.tif", "a/./x.tif", "a/.."],
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
    ],
)
def test_every_spelling_of_a_path_is_one(written: str, canonical: str) -> None:
    for account in (ACCOUNT, "HTTPS://ACCOUNT.dfs.core.windows.net:443"):
        assert canonical_url(f"{account}/source/{written}") == f"{ACCOUNT}/source/{canonical}"
    assert parse(f"{ACCOUNT}/source/{canonical}").url == f"{ACCOUNT}/source/{canonical}"
