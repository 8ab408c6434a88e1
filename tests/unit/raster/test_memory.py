"""How much memory a decoder may take: the setting, and what a container's limits leave."""

import json
from pathlib import Path

import pytest

from eventstac.raster import memory
from eventstac.raster.memory import LEAST_MB, MB, decoder_memory_bytes
from eventstac.settings import Environment, SettingsMissing

ROOT = Path(__file__).parents[3]
APP_MB = 512  # of an instance, for the app itself: its own process, with ranges of 40 MB on their way for each call


def test_the_setting_is_in_megabytes_and_may_be_missing() -> None:
    assert decoder_memory_bytes(Environment({"DECODER_MEMORY_MB": "768"})) == 768 * MB
    assert decoder_memory_bytes(Environment({})) is None


@pytest.mark.parametrize("text", ["1", "383", "-768", "1 GB"])
def test_a_limit_in_which_nothing_could_be_read_is_refused_at_the_start(text: str) -> None:
    env = Environment({"DECODER_MEMORY_MB": text})
    decoder_memory_bytes(env)
    with pytest.raises(SettingsMissing, match="DECODER_MEMORY_MB"):
        env.check("extractor")


@pytest.mark.parametrize(
    ("own", "limits", "found"),
    [
        (
            "0::/jobs/one\n",
            {"jobs/one/memory.max": "2147483648\n", "jobs/memory.max": "max\n"},
            {2 * 1024 * MB},
        ),
        ("0::/jobs/one\n", {"jobs/memory.max": "1073741824\n"}, {1024 * MB}),
        ("0::/../outside\n", {"memory.max": "1073741824\n"}, {1024 * MB}),
        (
            "5:cpu,cpuacct:/x\n4:memory:/x\n",
            {"memory/x/memory.limit_in_bytes": "1073741824\n", "cpu/x/memory.limit_in_bytes": "1\n"},
            {1024 * MB},
        ),
        ("0::/\n", {}, set()),
    ],
    ids=["its own", "its parent's", "a container's", "version 1", "none"],
)
def test_the_limits_of_control_groups_are_found(
    tmp_path: Path, own: str, limits: dict[str, str], found: set[int]
) -> None:
    (tmp_path / "own").write_text(own)
    for name, text in limits.items():
        path = tmp_path / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert set(memory._of_cgroups(tmp_path / "groups", tmp_path / "own")) == found


@pytest.mark.parametrize("app", ["extractor", "cog-updater"])
def test_the_decoders_of_all_calls_at_once_fit_into_every_size_of_instance(app: str) -> None:
    sizes = json.loads((ROOT / "infra" / "bicep" / "sizes.json").read_text())
    for name, size in sizes.items():
        limit = (size["apps"][app]["instanceMemoryMB"] - APP_MB) // calls_at_once(app)
        assert limit >= LEAST_MB, f"{name}: {app} has {limit} MB a decoder"


def calls_at_once(app: str) -> int:
    host = json.loads((ROOT / "services" / app.replace("-", "_") / "host.json").read_text())
    calls: int = host["extensions"]["serviceBus"]["maxConcurrentCalls"]
    return calls
