"""`eventstac smoke` on the real stack: it works, it says where the file is when it does not, and it tidies up."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.local.stack.layout import ROOT
from tests.e2e.conditions import until
from tests.e2e.user import User

pytestmark = pytest.mark.stack

PREFIX = "eventstac-smoke/"


def left_behind(user: User) -> list[str]:
    """Blobs and Items of smoke tests that are still there."""
    container = user.storage.get_container_client("source")
    blobs = [blob.name for blob in container.list_blobs(name_starts_with=PREFIX)]
    items = user.stack.query("SELECT id FROM pgstac.items WHERE id LIKE '%eventstac-smoke%'")
    return blobs + [item for (item,) in items]


@contextmanager
def smoking(user: User, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """`eventstac smoke` in the foreground of somebody who may press Ctrl-C."""
    command = [str(Path(sys.executable).with_name("eventstac")), "smoke", *arguments]
    # What these tests are started by may ignore it, as a shell does for what runs in its background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **user.stack.env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: "subprocess.Popen[str]", words: str) -> str:
    """What it says, up to the line with these words."""
    assert process.stdout is not None
    output = ""
    for line in process.stdout:
        output += line
        if words in line:
            return output
    raise AssertionError(f"it never said {words!r}: {output}")


def read_all(process: "subprocess.Popen[str]") -> str:
    """What else it says until it ends."""
    assert process.stdout is not None
    output = process.stdout.read()
    process.wait()
    return output


def test_a_working_system_passes_and_nothing_is_left(user: User) -> None:
    done = user.stack.eventstac("smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    for said in ("uploaded", "is searchable and valid", "deleted the blob", "is gone", "the system works"):
        assert said in done.stdout
    assert left_behind(user) == []
    user.quiet()


def test_a_path_that_the_rules_know_is_tested_by_them(user: User) -> None:
    done = user.stack.eventstac("smoke", "--path", "scenes/eventstac-smoke-{id}/b1.tif")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Item eventstac-smoke-\S+ of collection scenes is searchable", done.stdout)
    assert left_behind(user) == []


def test_with_an_app_killed_it_names_the_app_and_the_blob_is_gone(user: User) -> None:
    user.stack.kill("extractor")
    try:
        done = user.stack.eventstac("smoke", "--deadline", "15")
        assert done.returncode == 1, done.stdout + done.stderr
        assert re.search(r"failed: waited 15 s in vain for Item .* waiting at extractor since", done.stdout)
        assert "the system works" not in done.stdout
        assert left_behind(user) == []
    finally:
        user.stack.restart("extractor")
    user.quiet()
    assert left_behind(user) == []


def test_an_item_that_does_not_go_is_told_of(user: User) -> None:
    """The event of the deletion is lost on purpose."""
    with smoking(user, "--deadline", "20") as process:
        output = read_until(process, "uploaded")
        with user.stack.mute():
            output += read_all(process)
    assert process.returncode == 1, output
    assert "is searchable and valid" in output
    assert re.search(
        "failed: waited 20 s in vain for Item .* to be gone. not in storage: .* still shows it", output
    )
    (path,) = re.findall(rf"uploaded \S+/source/({PREFIX}\S+)", output)
    user.upload(path, b"what is heard of again")
    user.delete(path)
    until(lambda: not left_behind(user), "the Item to go when its blob is heard of again")
    user.quiet()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_tidies_up(user: User, number: signal.Signals) -> None:
    with user.stack.without("loader"):
        with smoking(user) as process:
            output = read_until(process, "uploaded")
            process.send_signal(number)
            output += read_all(process)
        assert process.returncode == 130, output
        assert "deleted the blob" in output
        assert left_behind(user) == []
    user.quiet()
    assert left_behind(user) == []


def test_what_cannot_work_is_said_before_anything_is_uploaded(user: User) -> None:
    ignored = user.stack.eventstac("smoke", "--path", "scenes/ignored/{id}.tif")
    unnamed = user.stack.eventstac("smoke", "--path", "a.tif")
    undeclared = user.stack.eventstac("smoke", "--container", "thumbnails")
    assert [done.returncode for done in (unnamed, undeclared)] == [2, 1]
    assert "must not overwrite" in unnamed.stderr
    assert "undeclared-container" in undeclared.stderr
    assert "uploaded" not in ignored.stdout + undeclared.stdout
    assert left_behind(user) == []


def test_without_an_api_it_says_so(user: User) -> None:
    nobody = {"STAC_API_URL": "http://127.0.0.1:9"}
    env = {**os.environ, **user.stack.env, **nobody}
    command = [str(Path(sys.executable).with_name("eventstac")), "smoke", "--deadline", "1"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "http://127.0.0.1:9/ does not answer" in done.stdout
    without = {name: value for name, value in env.items() if name != "STAC_API_URL"}
    done = subprocess.run(command, env=without, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "STAC_API_URL is not set" in done.stderr
