"""What commands print of files, events and names is shown, and steers no terminal."""

import ast
import json
from pathlib import Path

import pytest

from eventstac import cli
from eventstac.cli.console import escaped, new_table, open_console, say, show_document

STEERING = {
    "colour": "\x1b[31mX",
    "title": "\x1b]0;owned\x07",
    "C1": "\x9b31m",
    "rubbed out": "a\bb\x7f",
    "overwritten": "bad\rgood",
    "turned round": "gpj.\u202efit\u2066\u200f",
}


@pytest.mark.parametrize("text", STEERING.values(), ids=STEERING)
def test_what_would_steer_a_terminal_is_shown_instead(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = new_table(text, title=text)
    table.add_row(text)
    open_console().print(text, table)
    open_console(stderr=True).print(text, style="red")
    say(text)
    show_document({text: text})
    said = "".join(capsys.readouterr())
    assert said.count(escaped(text)) >= 5
    assert all(character.isprintable() for character in said.replace("\n", ""))


def test_a_document_for_people_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    show_document(STEERING)
    assert json.loads(capsys.readouterr().out) == STEERING


@pytest.mark.parametrize(
    "text", ["[/]", "[link=https://evil.example]click[/link]", "a:car:.tif", "Zürich 日本"]
)
def test_a_text_is_shown_as_it_is(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = new_table(text, title=text)
    table.add_row(text)
    open_console().print(table)
    open_console().print(text)
    assert capsys.readouterr().out.count(text) == 4


def test_every_command_prints_through_the_console() -> None:
    """`typer.echo` is for JSON, and for the rules file as it is."""
    for path in Path(cli.__file__).parent.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in ("typer.echo", "print", "Console"):
                told = ast.unparse(call.args[0])
                assert path.name == "console.py" or told.startswith("json.dumps(") or told == "text", path
