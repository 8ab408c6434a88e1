#!/usr/bin/env python3
"""Build each app's zip as Flex Consumption takes it: `package.py [--bytecode] [APP…]`; `package.py lock` pins.

A zip holds function_app.py, host.json, the app's own package, and in .python_packages/lib/site-packages the shared
library (with contracts/) and what it needs, as wheels for Linux and Python 3.13, each checked against its hash in
infra/packages.lock. The same checkout gives the same bytes. `--bytecode` adds compiled modules, for instances that
start sooner from a larger package (docs/decisions/0029). Packages and the unpacked folders land in build/packages.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from uv import find_uv_bin

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "infra" / "packages.lock"
BUILD = ROOT / "build" / "packages"
APPS = ("scanner", "extractor", "loader", "cog_updater", "stac_api")
BYTECODE = "--bytecode"
SITE_PACKAGES = Path(".python_packages/lib/site-packages")
PYTHON = "3.13"
PLATFORM = "x86_64-manylinux_2_28"  # what the plan's machines have, or older
# Where an app runs: markers are evaluated for it, not for the machine that packs.
TARGET = {
    "python_version": PYTHON,
    "python_full_version": f"{PYTHON}.0",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}
# Set-up needs all of pypgstac, on the operator's machine; apps need its hydration only.
NEEDS_ONLY = {"pypgstac": ("hydraters",)}
# What the shared library needs, but no module that the app reaches; a test holds this to the code.
EVENT_GRID = {"azure-eventgrid", "cloudevents"}  # the loader alone publishes
UNUSED = {
    "scanner": EVENT_GRID,
    "extractor": EVENT_GRID | {"psycopg", "pypgstac", "rio-cogeo", "rio-stac"},
    "loader": set(),
    "cog_updater": EVENT_GRID | {"rio-cogeo", "rio-stac"},
    "stac_api": {
        *(
            "elementpath",
            "psycopg",
            "pypgstac",
            "python-jsonpath",
            "pyyaml",
            "shapely",
        ),
    },
}
LEFT_OUT_FOLDERS = {"__pycache__", "tests", "test", "testing", "docs", "examples", "bin"}
# The uninstaller's notes: some name folders of this machine.
LEFT_OUT_FILES = {
    "RECORD",
    "INSTALLER",
    "REQUESTED",
    "direct_url.json",
    "uv_cache.json",
    "uv_build.json",
    ".lock",
}
LEFT_OUT_SUFFIXES = {".pyc", ".pyi", ".pyx", ".pxd", ".c", ".h", ".md", ".rst"}
# Not tests, whatever their names: these are imported.
KEPT_FOLDERS = {"numpy/testing"}
# 9 MB of SQL, which `eventstac setup` alone reads.
LEFT_OUT_PATHS = {"pypgstac/migrations"}
EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time that a zip can hold


def main(arguments: list[str]) -> int:
    """Pack the apps that are named, or all; prints each one's size."""
    if arguments == ["lock"]:
        return lock()
    bytecode = BYTECODE in arguments
    arguments = [argument for argument in arguments if argument != BYTECODE]
    unknown = sorted(set(arguments) - set(APPS))
    if unknown:
        print(f"no app {', '.join(unknown)}; there are {', '.join(APPS)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        shared = shared_wheel(Path(folder))
        for app in arguments or APPS:
            archive = package(app, shared, BUILD, bytecode=bytecode)
            unpacked = sum(path.stat().st_size for path in (BUILD / app).rglob("*") if path.is_file())
            digest = hashlib.sha256(archive.read_bytes()).hexdigest()
            size = archive.stat().st_size
            print(
                f"{archive.name:<16} {size / 1e6:6.1f} MB, {unpacked / 1e6:6.1f} MB unpacked, sha256 {digest[:16]}"
            )
    return 0


def lock() -> int:
    """Write infra/packages.lock: every pin of requirements.lock that an app needs, with its hashes."""
    projects = [str(ROOT / "services" / app / "pyproject.toml") for app in APPS]
    command = [find_uv_bin(), "pip", "compile", *projects, "--constraint", str(ROOT / "requirements.lock")]
    command += ["--generate-hashes", "--python-platform", PLATFORM, "--python-version", PYTHON]
    command += ["--no-emit-package", "eventstac", "--no-header", "--no-annotate", "--quiet", "--output-file"]
    return subprocess.run([*command, str(LOCK)], cwd=ROOT, check=False).returncode


def shared_wheel(folder: Path) -> Path:
    """Build the shared library's wheel."""
    command = [
        find_uv_bin(),
        "build",
        "--quiet",
        "--wheel",
        "--no-build-isolation",
        "--python",
        sys.executable,
    ]
    subprocess.run([*command, "--out-dir", str(folder), str(ROOT / "shared")], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def package(app: str, shared: Path, out: Path, compression: int = 6, *, bytecode: bool = False) -> Path:
    """Lay out the app in `out`/APP and zip it beside; returns the zip."""
    folder = out / app
    shutil.rmtree(folder, ignore_errors=True)
    site_packages = folder / SITE_PACKAGES
    site_packages.mkdir(parents=True)
    install(sorted(needed_by(app)), shared, site_packages)
    service = ROOT / "services" / app
    for name in ("function_app.py", "host.json"):
        shutil.copyfile(service / name, folder / name)
    shutil.copytree(service / app, folder / app, ignore=shutil.ignore_patterns(".*"))  # such as a stray .env
    for path in sorted(folder.rglob("*"), reverse=True):
        if left_out(path.relative_to(folder)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if bytecode:
        compile_all(folder)
    archive = out / f"{app}.zip"
    write_zip(folder, archive, compression)
    return archive


def needed_by(app: str) -> set[str]:
    """The distributions that an app needs, our own left out, as this environment's metadata tells."""
    project = tomllib.loads((ROOT / "services" / app / "pyproject.toml").read_text())
    shared = tomllib.loads((ROOT / "shared" / "pyproject.toml").read_text())["project"]
    waiting = [Requirement(text) for text in project["project"]["dependencies"]]
    found: set[str] = set()
    seen: set[tuple[str, tuple[str, ...]]] = set()
    while waiting:
        need = waiting.pop()
        name, extras = canonicalize_name(need.name), tuple(sorted(need.extras))
        if (name, extras) in seen or name in UNUSED[app] or not applies(need):
            continue
        seen.add((name, extras))
        if name == "eventstac":
            texts = shared["dependencies"] + [
                text for extra in extras for text in shared["optional-dependencies"][extra]
            ]
            waiting += map(Requirement, texts)
            continue
        found.add(name)
        waiting += needs_of(name, extras)
    return found


def needs_of(name: str, extras: Iterable[str]) -> list[Requirement]:
    """What a distribution needs, with these extras of it."""
    if name in NEEDS_ONLY:
        return [Requirement(text) for text in NEEDS_ONLY[name]]
    try:
        needs = [Requirement(text) for text in requires(name) or []]
    except PackageNotFoundError as error:
        raise SystemExit(f"{name} is not installed here: run `make setup`") from error
    return [need for need in needs if any(applies(need, extra) for extra in ("", *extras))]


def applies(need: Requirement, extra: str = "") -> bool:
    """Whether a requirement holds where the app runs; a marker that was evaluated once is dropped."""
    if need.marker is None:
        return True
    if not need.marker.evaluate(TARGET | {"extra": extra}):
        return False
    need.marker = None
    return True


def install(names: list[str], shared: Path, target: Path) -> None:
    """Unpack the wheels of these distributions, at the lock's pins and hashes, and the shared library's."""
    pins = locked()
    missing = [name for name in names if name not in pins]
    if missing:
        raise SystemExit(f"{LOCK.relative_to(ROOT)} lacks {', '.join(missing)}: run `make lock`")
    digest = hashlib.sha256(shared.read_bytes()).hexdigest()
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(pins[name] for name in names))
        file.write(f"\neventstac @ {shared.as_uri()} --hash=sha256:{digest}\n")
        file.flush()
        command = [find_uv_bin(), "pip", "install", "--quiet", "--target", str(target), "--no-deps"]
        command += ["--python-version", PYTHON, "--python-platform", PLATFORM, "--only-binary", ":all:"]
        subprocess.run([*command, "--link-mode", "hardlink", "--require-hashes", "-r", file.name], check=True)


def locked() -> dict[str, str]:
    """The lock's entries by name: the pin with its hashes, as uv reads them."""
    entries = LOCK.read_text().replace("\\\n", " ").splitlines()
    return {canonicalize_name(entry.split("==")[0].strip()): entry for entry in entries if "==" in entry}


def left_out(path: Path) -> bool:
    """Whether a file or folder of the laid-out app is of no use to it."""
    inner = path.relative_to(SITE_PACKAGES) if path.is_relative_to(SITE_PACKAGES) else path
    if inner.parts[:1] == ("eventstac",):
        return path.suffix == ".pyc" or path.name == "__pycache__"  # contracts have folders of any name
    if inner.as_posix() in KEPT_FOLDERS:
        return False
    if inner.as_posix() in LEFT_OUT_PATHS:
        return True
    return path.name in LEFT_OUT_FOLDERS or path.name in LEFT_OUT_FILES or path.suffix in LEFT_OUT_SUFFIXES


def compile_all(folder: Path) -> None:
    """Put bytecode beside every module: the same bytes for the same sources, on any machine and at any time."""
    # Not checked against its source, which has no time in the zip; with no path of this machine; sets in one order.
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    done = subprocess.run(
        [*command, "-s", str(folder), str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{folder}: {done.stdout}{done.stderr}")


def write_zip(folder: Path, archive: Path, compression: int) -> None:
    """Zip a folder: sorted, without times and owners, so that the same files give the same bytes."""
    with zipfile.ZipFile(archive, "w") as out:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EPOCH)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # Unix, whichever machine packs
            # said here: an entry that is given as such does not take the archive's own level
            out.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, compression)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
