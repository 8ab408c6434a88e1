"""`eventstac where` ends in each of its verdicts on the real stack."""

import json
from urllib.parse import urlsplit

import pytest

from tests.e2e.rasters import geotiff
from tests.e2e.user import User

pytestmark = pytest.mark.stack


def test_a_searchable_blob_is_known_in_any_spelling_of_its_url(user: User) -> None:
    url = user.upload("scenes/where/b1.tif", geotiff())
    user.searchable("scenes", ["where"])
    spelled = f"{url.replace('b1', '%621')}?sv=2024-11-04&sig=secret"
    said = user.stack.eventstac("where", spelled, "--json")
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert (found["verdict"], found["url"]) == ("searchable", url)
    assert (found["collection"], found["item"], found["asset"]) == ("scenes", "where", "b1")
    assert [stage["stage"] for stage in found["timeline"]] == ["event", "matched", "looked"]
    assert "secret" not in said.stdout
    by_path = user.stack.eventstac("where", "source/scenes/where/b1.tif", "--json")
    assert json.loads(by_path.stdout)["url"] == url


def test_without_service_bus_the_rest_is_told(user: User) -> None:
    url = user.upload("scenes/busless/b1.tif", geotiff())
    user.verdict(url, "searchable")
    user.quiet()
    with user.stack.without("servicebus"):
        found = user.where(url)
    assert found["verdict"] == "searchable"
    assert f":{user.stack.endpoints.ports['servicebus']} does not answer" in found["service_bus"]


def test_a_blob_that_never_was_is_not_in_storage(user: User) -> None:
    user.verdict(user.stack.blob_url("source", "scenes/never/b1.tif"), "not in storage", seconds=5)


def test_what_the_rules_ignore_or_do_not_know_is_told_apart(user: User) -> None:
    ignored = user.upload("scenes/ignored/b1.tif", geotiff())
    unknown = user.upload("notes/readme.txt", b"hello")
    cog = user.upload("where/unnamed.tif", geotiff(), container="cogs")
    own = user.upload("ab/mine.png", b"\x89PNG", container="thumbnails")
    user.verdict(ignored, "ignored")
    user.verdict(unknown, "no rule")
    assert "cog.completed" in user.verdict(cog, "ignored")["why"]
    assert "thumbnails" in user.verdict(own, "ignored")["why"]
    user.quiet()


def test_a_blob_that_waits_names_the_app_that_it_waits_for(user: User) -> None:
    with user.stack.without("extractor"):
        url = user.upload("scenes/waiting/b1.tif", geotiff())
        said = user.verdict(url, "waiting")
        while said["stage"] in ("events", "scanner"):
            said = user.verdict(url, "waiting")
        assert said["stage"] == "extractor"
        assert said["since"]
        assert "extractor" in said["why"]
    user.verdict(url, "searchable")


def test_an_item_that_lacks_a_file_is_incomplete_until_it_comes(user: User) -> None:
    left = user.upload("pairs/one/left.tif", geotiff(seed=1))
    assert user.verdict(left, "incomplete")["missing"] == ["right"]
    assert user.item("pairs", "one") is None
    right = user.upload("pairs/one/right.tif", geotiff(seed=2))
    user.searchable("pairs", ["one"])
    assert {user.where(url)["verdict"] for url in (left, right)} == {"searchable"}
    user.delete("pairs/one/right.tif")
    assert user.verdict(left, "incomplete")["missing"] == ["right"]
    assert user.item("pairs", "one") is None


def test_two_blobs_that_cannot_be_one_item_are_rejected_by_name(user: User) -> None:
    url = user.upload("scenes/rejected/b1.tif", b"words")
    assert user.verdict(url, "rejected")["why"].startswith("not-a-raster")


def test_a_change_that_no_event_told_of_is_stale(user: User) -> None:
    url = user.upload("scenes/untold/b1.tif", geotiff())
    user.verdict(url, "searchable")
    with user.stack.mute():
        user.upload("scenes/untold/b1.tif", geotiff(size=50))
        unheard = user.upload("scenes/unheard/b1.tif", geotiff())
    assert "no message" in user.verdict(url, "stale")["why"]
    assert user.verdict(unheard, "waiting")["stage"] == "events"


def test_the_plain_answer_is_a_verdict_and_a_sentence(user: User) -> None:
    url = user.stack.blob_url("source", "scenes/never/b1.tif")
    said = user.stack.eventstac("where", url)
    assert said.returncode == 0
    assert said.stdout.splitlines()[0] == "not in storage"
    assert urlsplit(url).scheme not in said.stderr
