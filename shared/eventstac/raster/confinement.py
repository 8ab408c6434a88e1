"""Keeps a process from every file and network address but those it needs, by the kernel: Linux's Landlock.

A file may name others: an HDF5 file has external links, external raw data and virtual datasets, a CRS has grids. What
GDAL and its libraries may open is therefore not left to them. Source: the kernel's `userspace-api/landlock`.
"""

import ctypes
import os
import struct
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls; the same on every architecture
_VERSION, _PATH_BENEATH = 1, 1
_NO_NEW_PRIVILEGES = 38  # of prctl; asked of everybody who is not root
_READ = 1 << 2 | 1 << 3  # files and folders
_FILES = (1 << 13) - 1  # all that the first version knows: run, write, read, remove, make
# Link, truncate and ioctl came with later versions; then TCP (bind, connect), then sockets and signals of others.
_FILES_SINCE = {2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_TCP, _TCP_SINCE = 3, 4
_OTHERS, _OTHERS_SINCE = 3, 6

_confined = False


def is_confined() -> bool:
    """Whether this process is kept from other files; there is no way back."""
    return _confined


def confine(folder: Path) -> bool:
    """From now on: code may be read, `folder` also written, and nothing else. False where the kernel cannot do that."""
    global _confined  # it is the process that is confined
    version = _call(_CREATE, None, 0, _VERSION) if sys.platform == "linux" else -1
    if version < 1:
        return False
    files = _FILES | sum(bit for since, bit in _FILES_SINCE.items() if version >= since)
    asked = [files, _TCP if version >= _TCP_SINCE else 0, _OTHERS if version >= _OTHERS_SINCE else 0]
    wanted = asked[: 3 if version >= _OTHERS_SINCE else 2 if version >= _TCP_SINCE else 1]
    attributes = struct.pack(f"={len(wanted)}Q", *wanted)
    rules = _call(_CREATE, attributes, len(attributes), 0)
    if rules < 0:
        return False
    try:
        allowed = [_allow(rules, path, _READ) for path in code_folders()]
        allowed.append(_allow(rules, folder, files))
        done = all(allowed) and _prctl(_NO_NEW_PRIVILEGES) and _call(_RESTRICT, rules, 0) == 0
    finally:
        os.close(rules)
    _confined = bool(done)
    return _confined


def code_folders() -> set[Path]:
    """Where the code that is loaded lies, with its data: the standard library, and each package or module."""
    names = {name.partition(".")[0] for name in sys.modules}
    files = (getattr(sys.modules.get(name), "__file__", None) for name in names)
    loaded = {Path(file) for file in files if file}
    folders = {path.parent if path.name == "__init__.py" else path for path in loaded}
    folders |= {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    return (
        folders | _given(("GDAL_DATA", "PROJ_DATA", "PROJ_LIB")) | {Path("/dev/null"), Path("/dev/urandom")}
    )


def _given(names: Iterable[str]) -> set[Path]:
    return {Path(os.environ[name]) for name in names if name in os.environ}


def _allow(rules: int, path: Path, access: int) -> bool:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return True  # what is not there needs no permission
    try:
        access &= ~(1 << 3) if not path.is_dir() else -1
        return _call(_ADD, rules, _PATH_BENEATH, struct.pack("=Qi", access, opened), 0) == 0
    finally:
        os.close(opened)


def _call(number: int, *arguments: object) -> int:
    return int(ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *arguments))


def _prctl(option: int) -> bool:
    return int(ctypes.CDLL(None, use_errno=True).prctl(option, 1, 0, 0, 0)) == 0
