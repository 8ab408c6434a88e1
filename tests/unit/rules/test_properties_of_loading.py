"""Whatever is in a rules file, loading it ends in rules or in mistakes; and no overlap of simple patterns is missed."""

import contextlib
import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from eventstac.blob_urls import BlobName
from eventstac.rules import RulesInvalid, load_rules

GALLERY = Path(__file__).parents[3] / "contracts" / "rules" / "gallery"
PRODUCTS = [yaml.safe_load(file.read_text()) for file in sorted(GALLERY.glob("*.yaml"))]

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["{item}", "{", "}", "[", "(", "regex:(", "**/{a", "%Y", "*", "{a:(?P<b>x)}", "$.[", "//x["]
    ),
    st.just([]),
    st.just({}),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        found += places(inner, (*path, step))
    return found


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """The text of a good rules file with one or two values replaced or removed."""
    document = copy.deepcopy(draw(st.sampled_from(PRODUCTS)))
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(places(document) or [()]))
        assume(path)
        parent = document
        for step in path[:-1]:
            parent = parent[step]
        if draw(st.booleans()):
            parent[path[-1]] = draw(VALUES)
        else:
            del parent[path[-1]]
    return yaml.safe_dump(document, sort_keys=False)


@settings(max_examples=60, deadline=None)
@given(damaged())
def test_a_damaged_file_gives_rules_or_mistakes_and_no_other_error(text: str) -> None:
    try:
        rules = load_rules(text, file="c.yaml")
    except RulesInvalid as invalid:
        told = invalid.mistakes
    else:
        assert rules.digest
        assert rules.explain("https://account.blob.core.windows.net/source/a/b.tif").why
        return
    assert told
    assert all(mistake.line >= 1 and mistake.instead for mistake in told)


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("ab:-[]{}&*!|>'\"%@` \n\t#,?<=\x00\x85é"), max_size=40))
@example("? [a]\n: b\n")
@example("a: !!python/object:os.system x\n")
@example("!!binary x: y")
@example("a: !!int x\n")
@example("collections: {a: {title: !!binary '='}}")
@example("x-a: .nan")
@example("[" * 5000)
@example("%YAML 9.9\n---\na")
def test_any_text_gives_rules_or_mistakes(text: str) -> None:
    with contextlib.suppress(RulesInvalid):
        assert load_rules(text, file="c.yaml").digest


PIECES = st.lists(
    st.sampled_from(["a", "b", "/", "*", "**/", "?", "{x}", "{y:[ab]+}", "[ab]", "ab", "_"]),
    min_size=1,
    max_size=5,
)
PATTERNS = PIECES.map("".join).filter(lambda text: not text.startswith("/") and text.count("{x}") < 2)
PATHS = st.text(st.sampled_from("ab/_"), min_size=1, max_size=6).filter(lambda path: path.strip("/") != "")


@settings(max_examples=300, deadline=None)
@given(PATTERNS, PATTERNS, PATHS)
@example("a**/", "**/", "a/")
def test_rules_that_both_match_a_path_are_never_loaded_together(first: str, second: str, path: str) -> None:
    rules = [
        {"name": name, "pattern": pattern, "item": "i", "asset": "k"}
        for name, pattern in (("one", first), ("two", second))
    ]
    url = BlobName("https://account.blob.core.windows.net", "source", path).url
    alone = [
        load_rules(
            yaml.safe_dump({"collections": {"a": {"rules": [rule]}}}), file="c.yaml", default_collection=None
        )
        for rule in rules
    ]
    both_match = all(each.match(url) for each in alone)
    if not both_match:
        return
    with pytest.raises(RulesInvalid, match="both match"):
        load_rules(yaml.safe_dump({"collections": {"a": {"rules": rules}}}), file="c.yaml")
