"""The process of the command: interrupted while it begins, and with output that cannot be written as it is."""

import json
import os
import subprocess
import sys

import pytest

RUN = "from eventstac.cli.entry import main; main()"
INTERRUPTED_AT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
class Interrupting:
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
"""


def run(
    command: str, *arguments: str, redirected: str = "", code: str = RUN, **env: str
) -> tuple[int, str, str]:
    done = subprocess.run(
        ["sh", "-c", f'"$@" {redirected}', "sh", sys.executable, "-c", code, *command.split(), *arguments],
        capture_output=True,
        env={**os.environ, **env},
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout.decode("latin-1"), done.stderr.decode()


@pytest.mark.parametrize("module", ["typer", "psycopg", "rasterio", "eventstac.cli.where"])
def test_an_interruption_while_it_begins_ends_it_without_a_word(module: str) -> None:
    assert run("rules check", code=INTERRUPTED_AT.format(module=module) + RUN) == (130, "", "")


@pytest.mark.parametrize("command", ["--help", "rules test a/b.tif", "rules test a/b.tif --json"])
def test_output_that_cannot_be_written_is_told_in_one_sentence(command: str) -> None:
    code, _, error = run(command, redirected=">/dev/full")
    assert (code, error) == (1, "eventstac: the output cannot be written: No space left on device\n")


def test_a_closed_output_is_as_none() -> None:
    assert run("rules test a/b.tif", redirected=">&-") == (0, "", "")
    assert run("rules check nope.yaml", redirected=">&- 2>&-")[0] == 1


def test_characters_that_an_encoding_has_not_are_escaped_so_that_json_stays_json() -> None:
    path = "a/Zürich 日本 😀.tif"
    code, output, error = run("rules test", path, PYTHONIOENCODING="latin-1")
    assert (code, error) == (0, "")
    assert output.startswith(r"a/Zürich \u65e5\u672c \ud83d\ude00.tif: matched")
    _, output, _ = run("rules test --json", path, PYTHONIOENCODING="latin-1")
    assert json.loads(output)[0]["path"] == path
