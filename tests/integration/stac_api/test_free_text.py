"""Free text as titles are written: with numbers, signs, slashes and points."""

from collections.abc import Iterator

import pytest

from infra.local.postgres.testing import RunningPostgres
from tests.integration.conftest import new_database
from tests.integration.stac_api import catalog
from tests.integration.stac_api.conftest import Client, load
from tests.integration.stac_api.places import MAIN, Place

pytestmark = pytest.mark.parametrize("place", MAIN, indirect=True, scope="session")

TITLES = [
    "Sentinel-2 L2A", "Landsat-8 OLI", "ALOS-2", "C-band radar", "resolution 10.5 m", "2020-05-06 scene", "foo/bar baz",
    "http://example.com/a/b?c=d", "S2A_MSIL2A_20200101", "user@example.com", "O'Brien", "x.y.z", "-5 degrees",
    "+7 degrees", "1e5", "Envisat - 1", "naïve café", "北京 市", "version 1.2.3", "MODIS/Terra", "NDVI (mean)",
    "co-registered", "non-null data", "Kompsat-3A", "50%", "#tag", "10-20", "v1.0", "GOES-16", "file.tif", "/data/x",
    'a "quoted-3" word', "back\\slash-4", "either or 5-6", "!neither & (both | one):*", "Pléiades-1B <-> 2",
]  # fmt: skip


@pytest.fixture(scope="module")
def titled(place: Place, postgres: RunningPostgres) -> Iterator[Client]:
    """A catalog in which each title is that of one Item and of one Collection."""
    own = new_database(postgres)
    box = [0.0, 0.0, 1.0, 1.0]
    collections = [
        catalog.collection(f"c{n}", box, title=title, description="none", keywords=[])
        for n, title in enumerate(TITLES)
    ]
    items = [
        catalog.item(f"i{n}", "c0", box, "2020-01-01T00:00:00Z", title=title)
        for n, title in enumerate(TITLES)
    ]
    load(own.settings.conninfo, collections, items)
    with place.serve(own) as running:
        client = Client(running.url)
        yield client
        client.session.close()


@pytest.mark.parametrize("title", TITLES)
def test_every_title_is_found_by_its_own_words_and_nothing_else_is(titled: Client, title: str) -> None:
    number = TITLES.index(title)
    assert titled.ids(q=title) == [f"i{number}"]
    assert titled.post_ids(q=[title]) == [f"i{number}"]
    found = titled.get("/collections", q=title)["collections"]
    assert [each["id"] for each in found] == [f"c{number}"]


def test_a_word_that_the_database_would_ponder_on_for_seconds_is_refused(titled: Client) -> None:
    for long in ("1a@" * 334, "x" * 1_001, f"Sentinel-2 {'a_' * 600}"):
        for path in ("/search", "/collections"):
            assert titled.get(path, q=long, status=400)["description"].startswith("q: ")
        assert titled.post("/search", {"q": ["GOES-16", long]}, status=400)["description"].startswith("q: ")
    assert titled.post_ids(q=["x" * 1_000, " ".join(["1a@" * 333] * 9)]) == []


def test_any_of_several_phrases_is_enough(titled: Client) -> None:
    assert set(titled.ids(q="Sentinel-2,GOES-16", limit="50")) == {"i0", f"i{TITLES.index('GOES-16')}"}
    # a phrase has no operators
    assert titled.post_ids(q=["-sentinel-2"]) == ["i0"]
    assert titled.post_ids(q=['goes-16" or "alos', "goes-16 or alos", "sentinel-2 -l2a oli"]) == []
