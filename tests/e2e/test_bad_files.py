"""What cannot be read stays out, with a reason, and holds up nothing else; odd names are only names."""

from urllib.parse import quote

import pytest
import rasterio
from rasterio.io import MemoryFile

from tests.e2e.rasters import cog, geotiff, int16_cog
from tests.e2e.user import User

pytestmark = pytest.mark.stack


def test_bad_files_among_good_ones_are_rejected_with_a_reason_each(user: User) -> None:
    good = [f"good-{number}" for number in range(8)]
    whole = int16_cog(0, 1.0, 0.0)[0]
    bad = {
        "text": (b"these are words, and no raster\n" * 20, ("not-a-raster",)),
        "truncated": (whole[: len(whole) // 2], ("truncated", "unreadable", "not-a-raster")),
        "truncated-in-its-header": (geotiff()[:100], ("truncated", "unreadable", "not-a-raster")),
        "empty": (b"", ("empty", "zero-bytes", "not-a-raster")),
    }
    urls = user.upload_all(
        {
            **{f"scenes/{item}/b1.tif": geotiff(seed=number) for number, item in enumerate(good)},
            **{f"scenes/bad-{name}/b1.tif": content for name, (content, _) in bad.items()},
        }
    )
    user.searchable("scenes", good)
    for name, (_, reasons) in bad.items():
        said = user.verdict(urls[f"scenes/bad-{name}/b1.tif"], "rejected")
        assert said["why"].partition(":")[0] in reasons, said
        assert len(said["why"].partition(":")[2]) > 10, said  # a sentence that a person can act on
        assert user.item("scenes", f"bad-{name}") is None
    user.quiet()


def test_a_good_file_takes_the_place_of_a_bad_one(user: User) -> None:
    url = user.upload("scenes/mended/b1.tif", b"not yet a raster")
    user.verdict(url, "rejected")
    user.upload("scenes/mended/b1.tif", geotiff())
    user.searchable("scenes", ["mended"])
    assert user.verdict(url, "searchable")["item"] == "mended"


NAMES = {
    "odd/with two spaces.tif": None,
    "odd/hash#and?question.tif": None,
    "odd/percent%41.tif": None,
    "odd/plus+and&.tif": None,
    "odd/größe-日本.tif": None,
    "odd/e\N{COMBINING ACUTE ACCENT}.tif": None,
}


def test_blobs_with_odd_names_are_items_whose_hrefs_open(user: User) -> None:
    urls = user.upload_all({path: geotiff(seed=seed) for seed, path in enumerate(NAMES)})
    said = {path: user.verdict(url, "searchable") for path, url in urls.items()}
    assert len({one["item"] for one in said.values()}) == len(NAMES)
    for seed, (path, one) in enumerate(said.items()):
        document = user.item("bronze-tier", one["item"])
        assert document is not None, path
        href = document["assets"]["data"]["href"]
        assert href == user.stack.blob_url("source", quote(path, safe="/-._~")), path
        content = MemoryFile(geotiff(seed=seed))
        with rasterio.open(href) as opened, content, content.open() as original:
            assert opened.checksum(1) == original.checksum(1), path


def test_a_raster_of_another_kind_than_its_name_says_is_read_all_the_same(user: User) -> None:
    url = user.upload("scenes/renamed/b1.tif", cog(geotiff(seed=3)))
    user.verdict(url, "searchable")
