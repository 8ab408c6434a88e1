"""Fields of a Collection that no catalog could keep are mistakes, found before the file is in force."""

import pytest

from eventstac.rules import RulesInvalid, load_rules

HEAD = "collections:\n  c:\n    "


def mistakes(text: str) -> list[str]:
    with pytest.raises(RulesInvalid) as caught:
        load_rules(text, file="c.yaml")
    return [str(mistake) for mistake in caught.value.mistakes]


@pytest.mark.parametrize(
    ("text", "line", "what", "instead"),
    [
        ("queryables: {datetime: {type: datetime, sortable: true}}", 3, "'datetime'", "Leave it out"),
        ("queryables:\n      properties.id: {type: string}", 4, "'properties.id'", "Leave it out"),
        ("queryables: {geometry: {type: string}}", 3, "'geometry'", "Leave it out"),
        ("queryables: {'': {type: string}}", 3, "no name", "as in the Item"),
        ("queryables: {properties: {type: string}}", 3, "no name", "as in the Item"),
        ("queryables: {'a..b': {type: string}}", 3, "no name", "as in the Item"),
        (f"queryables: {{{'x' * 256}: {{type: string}}}}", 3, "no name", "255"),
        (
            "queryables: {a: {type: string}, properties.a: {type: string}}",
            3,
            "the same property as 'a'",
            "one",
        ),
        ("extra:\n      id: other", 4, "`id` cannot be set", "Leave it out"),
        ("extra: {type: Feature}", 3, "`type`", "Leave it out"),
        ("extra: {stac_version: '9'}", 3, "`stac_version`", "Leave it out"),
        ("extra: {title: T}", 3, "`title`", "beside `extra:`"),
        ("extra: {extent: nonsense}", 3, "`extent`", "beside `extra:`"),
        ("extra: {summaries: [1]}", 3, "`summaries`", "a mapping"),
        ("extra: {summaries: 3}", 3, "`summaries`", "a mapping"),
        ("extra: {stac_extensions: 3}", 3, "`stac_extensions`", "a list"),
        ("extra: {stac_extensions: [3]}", 3, "`stac_extensions`", "a list"),
        ("extra: {links: [{href: x}]}", 3, "`links`", "`rel` and `href`"),
        ("extra: {assets: {a: 3}}", 3, "`assets`", "a mapping"),
        ("extent: {spatial: {bbox: [[500, 0, -500, 99]]}}", 3, "no box", "degrees"),
        ("extent: {spatial: {bbox: [[0, 9, 1, 8]]}}", 3, "no box", "south first"),
        ("extent: {spatial: {bbox: [[0, 0, 1, 1, 1]]}}", 3, "no box", "[west, south, east, north]"),
        ("extent: {temporal: {interval: [[not a date, null]]}}", 3, "no interval", "2024-05-01T00:00:00Z"),
        (
            "extent: {temporal: {interval: [['2024-01-01T00:00:00Z', '2023-01-01T00:00:00Z']]}}",
            3,
            "ends before",
            "earlier",
        ),
        ('title: "a\\0b"', 3, "NUL", ""),
        ('extra: {x: "\\uD800"}', 3, "surrogates", ""),
        ('extra: {"x\\0": 1}', 3, "NUL", ""),
    ],
)
def test_what_no_catalog_keeps_is_a_mistake_with_its_line(
    text: str, line: int, what: str, instead: str
) -> None:
    found = mistakes(HEAD + text)
    assert any(
        each.startswith(f"c.yaml:{line}: ") and what in each and instead in each.split(". ", 1)[-1]
        for each in found
    ), found


def test_a_collection_id_that_is_too_long_is_a_mistake() -> None:
    assert "255 characters at most" in mistakes(f"collections:\n  {'a' * 256}: {{}}")[0]


@pytest.mark.parametrize(
    "text",
    [
        "extent: {spatial: {bbox: [[170, -10, -170, 10], [0, 0, -5, 1, 1, 5]]}}",
        "extent: {temporal: {interval: [[null, '2023-01-01T00:00:00Z']]}}",
        "extra: {links: [{rel: license, href: 'https://example.com'}], 'sci:doi': x, summaries: {a: [1]}}",
        "queryables: {assets.data.title: {type: string}, properties.a: {type: string}, a.b: {type: number}}",
        f"queryables: {{{'x' * 255}: {{type: string, sortable: true}}}}",
    ],
)
def test_what_it_does_keep_is_none(text: str) -> None:
    assert load_rules(HEAD + text, file="c.yaml")
