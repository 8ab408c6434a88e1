"""Each app's package, loaded from its zip by Microsoft's worker with this checkout hidden."""

import importlib.util
import json
import re
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType

import pytest
from azure.servicebus import ServiceBusClient
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.local.servicebus.testing import RunningServer, running_server
from tests.contracts.microsoft_worker import SETTINGS, Call, work, worker_alone
from tests.contracts.reach import APPS, ROOT, reach

pytestmark = pytest.mark.timeout(900)  # what a machine packs for the first time it downloads

SITE_PACKAGES = ".python_packages/lib/site-packages/"
ONE = {"MessageId": ("string", "m"), "DeliveryCount": ("json", "1"), "UserProperties": ("json", "{}")}
MANY = {
    f"{name}Array": (kind, f"[{value if kind == 'json' else json.dumps(value)}]")
    for name, (kind, value) in ONE.items()
}
CALLS = {
    "scanner": Call("scan_blob_event", {"message": ("string", "no CloudEvent")}, ONE),
    "extractor": Call("look_at_blob", {"message": ("string", "no CloudEvent")}, ONE),
    "cog_updater": Call("update_cog", {"message": ("string", "no CloudEvent")}, ONE),
    "loader": Call("keep_rejection", {"message": ("string", "no CloudEvent")}, ONE),
    "stac_api": Call(
        "http_app_func",
        {
            "req": (
                "http",
                {"method": "GET", "url": "http://h/conformance", "params": {"route": "conformance"}},
            )
        },
    ),
}


def packaging() -> ModuleType:
    spec = importlib.util.spec_from_file_location("package", ROOT / "scripts" / "package.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PACKAGING = packaging()


COMPILED = "scanner"  # compiling all five takes minutes, for the same finding


def packed(app: str, shared: Path, folder: Path, *, bytecode: bool = False) -> Path:
    path: Path = PACKAGING.package(app, shared, folder, 0, bytecode=bytecode)
    return path


@pytest.fixture(scope="module")
def zips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Packages, not compressed: that is what takes the time."""
    folder = tmp_path_factory.mktemp("packages")
    shared = PACKAGING.shared_wheel(folder)
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(APPS, pool.map(lambda app: packed(app, shared, folder), APPS), strict=True))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package that was asked to carry bytecode."""
    folder = tmp_path_factory.mktemp("compiled")
    return packed(COMPILED, PACKAGING.shared_wheel(folder), folder, bytecode=True)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return worker_alone(tmp_path_factory.mktemp("worker"))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    topology = ROOT / "contracts" / "topology.json"
    with running_server(topology, tmp_path_factory.mktemp("broker") / "data") as server:
        yield server


@pytest.mark.parametrize("app", APPS)
def test_a_package_runs_in_the_worker_with_nothing_else_there(
    zips: dict[str, Path], alone: Path, broker: RunningServer, tmp_path: Path, app: str
) -> None:
    runs(app, zips[app], alone, broker, tmp_path)


def test_a_package_with_bytecode_runs_as_well(
    compiled: Path, alone: Path, broker: RunningServer, tmp_path: Path
) -> None:
    another = replace(CALLS[COMPILED], metadata=ONE | {"MessageId": ("string", "another")})
    runs(COMPILED, compiled, alone, broker, tmp_path, another)


def runs(
    app: str, package: Path, alone: Path, broker: RunningServer, folder: Path, call: Call | None = None
) -> None:
    """The worker loads what is unpacked and invokes a function of it, which answers as it would on Azure."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)

    report = work(
        folder,
        call or CALLS[app],
        settings=SETTINGS | {"ServiceBus": broker.connection_string},
        library=alone,
    )

    assert report.indexed.ok, report.indexed.error
    assert report.calls[0].ok, report.calls[0].error
    if app == "stac_api":
        assert report.calls[0].answer["http"]["status_code"] == "200"
        return
    client = ServiceBusClient.from_connection_string(broker.connection_string)
    with client, client.get_subscription_receiver("rejected", "loader") as receiver:
        (message,) = receiver.receive_messages(1, max_wait_time=30)
        receiver.complete_message(message)
    assert json.loads(b"".join(message.body))["type"] == "eventstac.event.rejected.v1"


@pytest.mark.parametrize("app", APPS)
def test_a_package_holds_what_the_app_imports_lazily_or_not(zips: dict[str, Path], app: str) -> None:
    names = {name.removeprefix(SITE_PACKAGES) for name in zipfile.ZipFile(zips[app]).namelist()}
    folders = {"/".join(name.split("/")[:depth]) for name in names for depth in (1, 2, 3)}
    for module in reach(app).foreign:
        path = module.replace(".", "/")
        assert path in folders or f"{path}.py" in names, f"{app} imports {module}"


@pytest.mark.parametrize("app", APPS)
def test_what_is_left_out_of_a_package_is_imported_nowhere_in_its_app(app: str) -> None:
    distributions = {
        module: set(map(canonicalize_name, names)) for module, names in packages_distributions().items()
    }
    for module in reach(app).foreign:
        own = distributions[module] if "." not in module else {module.replace(".", "-")}
        assert not own & PACKAGING.UNUSED[app], module


@pytest.mark.parametrize("app", APPS)
def test_a_package_holds_no_tests_no_bytecode_and_rasterio_only_where_it_reads_rasters(
    zips: dict[str, Path], app: str
) -> None:
    names = zipfile.ZipFile(zips[app]).namelist()
    foreign = [
        name
        for name in names
        if not name.startswith((f"{SITE_PACKAGES}eventstac/", f"{SITE_PACKAGES}numpy/testing/"))
    ]
    assert not [name for name in foreign if re.search(r"(^|/)(tests?|docs)/", name)]
    assert any(name.startswith(f"{SITE_PACKAGES}rasterio/") for name in names) == (
        app in ("extractor", "cog_updater")
    )
    assert f"{SITE_PACKAGES}eventstac/_contracts/topology.json" in names
    assert {"function_app.py", "host.json", f"{app}/__init__.py"} <= set(names)
    assert not [name for name in names if name.endswith(("direct_url.json", "RECORD", ".pyc"))]


@pytest.mark.parametrize("app", APPS)
def test_a_package_holds_no_migrations_of_pgstac_which_set_up_alone_reads(
    zips: dict[str, Path], app: str
) -> None:
    assert not [name for name in zipfile.ZipFile(zips[app]).namelist() if "pypgstac/migrations" in name]
    assert "eventstac.catalog.setup" not in reach(app).ours


def test_the_same_checkout_gives_the_same_bytes_bytecode_included(compiled: Path, tmp_path: Path) -> None:
    again = packed(COMPILED, PACKAGING.shared_wheel(tmp_path), tmp_path / "elsewhere", bytecode=True)
    assert again.read_bytes() == compiled.read_bytes()


def test_bytecode_where_it_is_asked_for_is_of_every_module_and_does_not_ask_for_its_source(
    zips: dict[str, Path], compiled: Path
) -> None:
    archive = zipfile.ZipFile(compiled)
    names = {name for name in archive.namelist() if not name.endswith(".pyc")}
    assert names == set(zipfile.ZipFile(zips[COMPILED]).namelist())
    for source in (name for name in names if name.endswith(".py")):
        folder, _, file = source.rpartition("/")
        bytecode = f"{folder}/__pycache__/{file.removesuffix('.py')}.cpython-313.pyc".lstrip("/")
        content = archive.read(bytecode)
        assert content[:4] == importlib.util.MAGIC_NUMBER
        assert content[4:8] == b"\x01\0\0\0", f"{bytecode} is checked against its source"
        assert str(compiled.parent).encode() not in content, f"{bytecode} names this machine's folders"


def test_what_is_packed_is_what_was_tested() -> None:
    tested = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        pin = Requirement(line)
        tested[canonicalize_name(pin.name)] = str(pin.specifier)
    packed = {
        name: str(Requirement(re.split(r"\s+[;\\]|\s+--hash", entry)[0].strip()).specifier)
        for name, entry in PACKAGING.locked().items()
    }
    assert {name: tested.get(name) for name in packed} == packed
    for app in APPS:
        assert set(PACKAGING.needed_by(app)) <= set(packed)


def test_every_pin_has_a_hash() -> None:
    for name, entry in PACKAGING.locked().items():
        assert "--hash=sha256:" in entry, name
