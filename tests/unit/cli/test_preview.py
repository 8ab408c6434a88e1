"""`eventstac preview`: the Item that a file would give, or what is wrong with it."""

import json
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
from rasterio.transform import from_origin
from typer.testing import CliRunner

from eventstac.cli.main import app
from eventstac.rules import load_rules
from eventstac.validation import validate_item

RULES = """
collections:
  pairs:
    rules:
      - name: pairs
        pattern: pairs/{date}/{asset}.tif
        item: pair-{date}
        require: [red, nir]
        assets:
          red: {bands: [red]}
          nir: {bands: [nir]}
      - name: papers
        pattern: papers/{item}.{asset}
        assets:
          tif: {roles: [data]}
          pdf: {read: file, roles: [metadata]}
"""

UNDATED = """
collections:
  ones:
    rules:
      - name: ones
        pattern: ones/{{item}}.tif
        asset: data
        datetime: {sources}
"""


@pytest.fixture
def raster(tmp_path: Path) -> Path:
    path = tmp_path / "scene.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=64,
        height=32,
        count=1,
        dtype="int16",
        crs="EPSG:32632",
        transform=from_origin(500000, 5600000, 10, 10),
        nodata=-1,
    ) as dataset:
        dataset.write(np.arange(64 * 32, dtype="int16").reshape(1, 32, 64))
    return path


def preview(*arguments: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, ["preview", *arguments, "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_a_good_raster_gives_a_valid_item_and_no_problems(raster: Path) -> None:
    code, printed = preview(str(raster))
    assert (code, printed["problems"]) == (0, [])
    assert validate_item(printed["item"]) == []
    item = pystac.Item.from_dict(printed["item"])
    assert item.collection_id == "bronze-tier"
    assert printed["item"]["properties"]["proj:code"] == "EPSG:32632"
    assert printed["item"]["assets"]["data"]["href"] == raster.as_uri()


def test_the_rules_decide_by_the_path_that_the_blob_would_have(raster: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    code, printed = preview(str(raster), "--rules", str(rules), "--blob", "pairs/2024-05-01/red.tif")
    assert printed["item"]["id"] == "pair-2024-05-01"
    assert [problem["message"] for problem in printed["problems"]] == [
        "the rule requires nir too before the Item is published"
    ]
    assert code == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"plain text", "not-a-raster"),
        (b"II*\x00\x08\x00\x00\x00", "truncated|bad-raster|not-a-raster"),
    ],
)
def test_what_is_no_raster_has_no_item_and_a_reason(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "bad.tif"
    path.write_bytes(content)
    code, printed = preview(str(path))
    assert (code, printed["item"]) == (1, None)
    assert any(reason in printed["problems"][0]["message"] for reason in says.split("|"))


def test_a_time_that_is_not_understood_is_a_problem_where_another_stands_for_it(
    raster: Path, tmp_path: Path
) -> None:
    with rasterio.open(raster, "r+") as dataset:
        dataset.update_tags(ACQUISITION_DATETIME="June 1st, 2024", TIFFTAG_DATETIME="2025:11:30 09:00:00")
    code, printed = preview(str(raster))
    assert printed["item"]["properties"]["eventstac:datetime_source"] == "TIFFTAG_DATETIME"
    assert "ACQUISITION_DATETIME is 'June 1st, 2024'" in printed["problems"][0]["message"]
    assert code == 1
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.replace("[red, nir]", "[red]"))
    code, printed = preview(str(raster), "--rules", str(rules), "--blob", "pairs/2024-05-01/red.tif")
    assert (code, printed["problems"]) == (0, [])


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        ("[file]", 1),
        ("[path, file]", 1),
        ("[last-modified]", 0),
        ("[last-modified, file]", 0),
        ("[sidecar]", 0),
    ],
)
def test_a_time_that_is_not_understood_is_no_problem_where_the_rule_asks_for_another(
    raster: Path, tmp_path: Path, sources: str, told: int
) -> None:
    with rasterio.open(raster, "r+") as dataset:
        dataset.update_tags(ACQUISITION_DATETIME="June 1st, 2024")
    rules = tmp_path / "rules.yaml"
    rules.write_text(UNDATED.format(sources=sources))
    code, printed = preview(str(raster), "--rules", str(rules), "--blob", "ones/a.tif")
    assert printed["item"]["properties"]["eventstac:datetime_source"] == "last-modified"
    assert (code, len(printed["problems"])) == (told, told)


def test_a_nodata_of_the_rule_that_the_file_cannot_hold_is_a_problem(raster: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.tif"
    with (
        rasterio.open(raster) as dataset,
        rasterio.open(bare, "w", **{**dataset.profile, "nodata": None}) as copy,
    ):
        copy.write(dataset.read())
    rules = tmp_path / "rules.yaml"
    rules.write_text(UNDATED.format(sources="[file]\n        read: {nodata: 40000}"))
    code, printed = preview(str(bare), "--rules", str(rules), "--blob", "ones/a.tif")
    assert "nodata" not in printed["item"]["assets"]["data"]["bands"][0]
    assert [each["message"] for each in printed["problems"]] == [
        "the rule's nodata 40000 is no value of int16 (band 1): it has none. Give one that it can hold"
    ]
    assert code == 1
    assert preview(str(raster), "--rules", str(rules), "--blob", "ones/a.tif")[0] == 0  # it states one itself


def test_a_thumbnail_of_bands_that_the_file_has_not_is_a_problem(raster: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(UNDATED.format(sources="[file]\n        read: {thumbnail: {bands: [4, 3, 2]}}"))
    code, printed = preview(str(raster), "--rules", str(rules), "--blob", "ones/a.tif")
    assert printed["item"]["id"] == "a"
    [problem] = printed["problems"]
    assert "thumbnail.bands is [4, 3, 2], and the file has 1 band: it has no thumbnail" in problem["message"]
    assert code == 1


def test_why_a_frame_stands_for_valid_data_is_noted(raster: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    read = "read: {footprint: {mode: valid-data}, header_only: true}"
    rules.write_text(UNDATED.format(sources=f"[file]\n        {read}"))
    code, printed = preview(str(raster), "--rules", str(rules), "--blob", "ones/a.tif")
    assert printed["item"]["assets"]["data"]["eventstac:footprint"] == "frame"
    assert [each["message"] for each in printed["notes"]] == [
        "the footprint is that of the whole image: header_only reads no pixels: where data lie is not known"
    ]
    assert (code, printed["problems"]) == (0, [])


@pytest.mark.parametrize(
    ("bands", "says"),
    [
        (
            "[a, b, c]",
            "the rule names 3 bands of 'data', of which the file has 1: the others are left out. List those of the "
            "file, in its order",
        ),
        ("[a]", ""),
    ],
)
def test_bands_of_the_rule_that_the_file_has_not_are_a_problem(
    raster: Path, tmp_path: Path, bands: str, says: str
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(UNDATED.format(sources=f"[file]\n        assets: {{data: {{bands: {bands}}}}}"))
    _, printed = preview(str(raster), "--rules", str(rules), "--blob", "ones/a.tif")
    assert [each["message"] for each in printed["problems"]] == ([says] if says else [])


def test_a_nodata_and_a_type_of_the_rules_bands_are_the_files_or_heeded(raster: Path, tmp_path: Path) -> None:
    bare, rules = tmp_path / "bare.tif", tmp_path / "rules.yaml"
    with (
        rasterio.open(raster) as dataset,
        rasterio.open(bare, "w", **{**dataset.profile, "nodata": None}) as copy,
    ):
        copy.write(np.where(dataset.read() < 1024, 0, dataset.read()))
    bands = "[file]\n        assets: {data: {bands: [{name: B4, nodata: 0, data_type: float32}]}}"
    rules.write_text(UNDATED.format(sources=bands))
    _, printed = preview(str(bare), "--rules", str(rules), "--blob", "ones/a.tif")
    [band] = printed["item"]["assets"]["data"]["bands"]
    assert (band["nodata"], band["statistics"]["valid_percent"]) == (0, 50)
    told = "the rule says data_type float32 of band 1, and the file int16, which the Item has"
    assert [note["message"].partition(".")[0] for note in printed["notes"]] == [told]
    code, printed = preview(str(raster), "--rules", str(rules), "--blob", "ones/a.tif")
    assert (code, printed["item"]["assets"]["data"]["bands"][0]["nodata"]) == (0, -1)
    assert "the rule says nodata 0 of band 1, and the file -1" in printed["notes"][1]["message"]


@pytest.mark.parametrize("nodata", [-3.4028235e38, 1e20, -32767.9])
def test_a_nodata_is_the_same_where_the_bands_type_holds_it_so(
    raster: Path, tmp_path: Path, nodata: float
) -> None:
    short, rules = tmp_path / "short.tif", tmp_path / "rules.yaml"
    with rasterio.open(raster) as dataset:
        profile, data = (
            {**dataset.profile, "dtype": "float32", "nodata": nodata, "tiled": True},
            dataset.read(),
        )
    with rasterio.open(short, "w", **profile) as copy:
        copy.write(data.astype("float32"))
    bands = f"[file]\n        assets: {{data: {{bands: [{{name: B4, nodata: {nodata:.9e}}}]}}}}"
    rules.write_text(UNDATED.format(sources=bands))
    _, printed = preview(str(short), "--rules", str(rules), "--blob", "ones/a.tif")
    assert not printed["notes"]


def test_a_nodata_by_which_the_rule_has_files_read_is_not_called_the_files(
    raster: Path, tmp_path: Path
) -> None:
    bare, rules = tmp_path / "bare.tif", tmp_path / "rules.yaml"
    with (
        rasterio.open(raster) as dataset,
        rasterio.open(bare, "w", **{**dataset.profile, "nodata": None}) as copy,
    ):
        copy.write(dataset.read())
    bands = "[file]\n        read: {nodata: 7}\n        assets: {data: {bands: [{name: B4, nodata: 0}]}}"
    rules.write_text(UNDATED.format(sources=bands))
    _, printed = preview(str(bare), "--rules", str(rules), "--blob", "ones/a.tif")
    told = "the rule says nodata 0 of band 1, and files are read by 7, which the Item has"
    assert [note["message"].partition(".")[0] for note in printed["notes"]] == [told]


def test_bands_that_the_rule_leaves_without_a_name_are_noted_but_for_alpha(
    raster: Path, tmp_path: Path
) -> None:
    rules, several = tmp_path / "rules.yaml", tmp_path / "several.tif"
    rules.write_text(UNDATED.format(sources="[file]\n        assets: {data: {bands: [red, green, blue]}}"))
    with rasterio.open(raster) as dataset:
        profile, data = {**dataset.profile, "count": 4, "dtype": "uint8", "nodata": None}, dataset.read()
    found = []
    for more in ({"photometric": "RGB", "alpha": "YES"}, {"photometric": "MINISBLACK"}):
        with rasterio.open(several, "w", **{**profile, **more}) as copy:
            copy.write(np.repeat(data.astype("uint8"), 4, axis=0))
        code, printed = preview(str(several), "--rules", str(rules), "--blob", "ones/a.tif")
        assert (code, printed["problems"]) == (0, [])  # the Item is published without fault
        found.append([each["message"] for each in printed["notes"]])
    assert found == [
        [],
        [
            "the rule names 3 bands of 'data', and the file has 4: the others keep the names of the file. List all of "
            "them, in its order"
        ],
    ]


def test_a_truncated_raster_says_how_much_is_missing(raster: Path) -> None:
    raster.write_bytes(raster.read_bytes()[:-1000])
    _, printed = preview(str(raster))
    assert printed["item"] is None
    assert "truncated" in printed["problems"][0]["message"]
    assert "missing" in printed["problems"][0]["message"]


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("nowhere.tif", "no file"),
        ("/nowhere", "no file /nowhere"),
        ("/usr", "a folder"),
        ("http://127.0.0.1:1/c/README", "no rule"),
        ("http://127.0.0.1:1/c/x.tif", "read"),
        ("https://[::1/x.tif", "bad-url"),
    ],
)
def test_what_cannot_be_previewed_is_told_in_a_sentence(argument: str, says: str) -> None:
    code, printed = preview(argument)
    assert (code, printed["item"]) == (1, None)
    assert says in printed["problems"][0]["message"]


def test_the_sas_that_opens_a_blob_is_no_part_of_its_item(raster: Path) -> None:
    content, asked = raster.read_bytes(), list[str]()

    class Storage(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(206)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Range", f"bytes 0-{len(content) - 1}/{len(content)}")
            self.send_header("ETag", '"1"')
            self.send_header("Last-Modified", "Tue, 02 Jan 2024 03:04:05 GMT")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Storage) as server, ThreadPoolExecutor(1) as pool:
        pool.submit(server.serve_forever)
        try:
            url = f"http://127.0.0.1:{server.server_port}/source/scene.tif"
            code, printed = preview(f"{url}?sv=2024&sig=secret#part")
        finally:
            server.shutdown()
    assert asked == ["/source/scene.tif?sv=2024&sig=secret"]
    assert (code, [p["message"] for p in printed["problems"]]) == (0, [])
    assert [asset["href"] for asset in printed["item"]["assets"].values() if "data" in asset["roles"]] == [
        url
    ]
    assert "secret" not in json.dumps(printed)


def test_a_file_that_no_rule_matches_says_so(tmp_path: Path) -> None:
    file = tmp_path / "README"
    file.write_text("words")
    assert "no rule" in preview(str(file))[1]["problems"][0]["message"]


def test_a_file_that_gives_no_item_by_itself_says_so(tmp_path: Path) -> None:
    rules, paper = tmp_path / "rules.yaml", tmp_path / "a.pdf"
    rules.write_text(RULES)
    paper.write_bytes(b"%PDF")
    _, printed = preview(str(paper), "--rules", str(rules), "--blob", "papers/a.pdf")
    assert "gives no Item by itself" in printed["problems"][0]["message"]


def test_a_rules_file_with_a_mistake_is_told_by_line(raster: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("collections:\n  c:\n    rulez: []\n")
    result = CliRunner().invoke(app, ["preview", str(raster), "--rules", str(rules)])
    assert result.exit_code == 1
    assert f"{rules}:3" in str(result.exception)


def test_a_rules_file_that_is_named_and_not_there_is_told(raster: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["preview", str(raster), "--rules", str(tmp_path / "nosuch.yaml")])
    assert result.exit_code == 1
    assert "nosuch.yaml cannot be read" in str(result.exception)


def test_without_a_rules_file_the_default_collection_is_that_of_the_setting(
    raster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STAC_DEFAULT_COLLECTION", "loose")
    code, printed = preview(str(raster))
    assert (code, printed["item"]["collection"]) == (0, "loose")
    _, printed = preview(str(raster), "--default-collection", "other")
    assert printed["item"]["collection"] == "other"


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("ftp://x/y.tif", "'ftp://x/y.tif' is neither http:// nor https://"),
        ("file:///tmp/x.tif", "'file:///tmp/x.tif' is neither http:// nor https://"),
        ("https://", "'https://' is no URL: it names no host"),
        ("source/rmnp/red.tif", "give a local file, or the URL of what is in a storage"),
    ],
)
def test_what_is_neither_a_file_nor_a_web_address_is_told_as_it_was_written(named: str, says: str) -> None:
    code, printed = preview(named)
    assert code == 1
    assert says in printed["problems"][0]["message"]


def test_the_id_is_the_one_that_the_blob_gets_in_the_account_of_the_environment(
    raster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, unset = "https://own.blob.core.windows.net", ("AZURE_STORAGE_CONNECTION_STRING", "BlobStorage")
    for name in unset:
        monkeypatch.delenv(name, raising=False)
    code, printed = preview(str(raster), "--blob", "a folder/scene.tif")
    assert code == 0
    assert ["depend on the storage account" in note["message"] for note in printed["notes"]] == [True]
    monkeypatch.setenv("BlobStorage__blobServiceUri", own)
    code, printed = preview(str(raster), "--blob", "a folder/scene.tif")
    match = load_rules(None, file="").explain(f"{own}/source/a%20folder/scene.tif").match
    assert match is not None
    assert (printed["item"]["id"], printed["notes"]) == (match.item, [])


def test_an_id_that_is_the_same_in_every_account_has_no_note(raster: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.replace("[red, nir]", "[red]"))
    _, printed = preview(str(raster), "--rules", str(rules), "--blob", "pairs/2024-05-01/red.tif")
    assert printed["notes"] == []
