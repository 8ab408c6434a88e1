"""How much memory one decoder may take: what a setting says, else a share of what the machine has."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from eventstac.settings import Environment

MB = 1024 * 1024
LEAST_MB = 384  # libraries take 80, GDAL's cache 64, and a block of 256 MB is still refused by name
_MOST_BYTES = 3 * 1024 * MB  # where nothing is set: the limits on pixels keep real files below 1 GB
_SHARE = 4  # of the machine: two apps decode, each for two calls at once
_CGROUPS = Path("/sys/fs/cgroup")


def decoder_memory_bytes(env: Environment) -> int | None:
    """The setting `DECODER_MEMORY_MB` in bytes, None where there is none; too small a one is a problem of `env`."""
    megabytes = env.integer("DECODER_MEMORY_MB", 0)
    if 0 < megabytes < LEAST_MB:
        env.wrong(f"DECODER_MEMORY_MB must be at least {LEAST_MB}, not {megabytes}")
    return megabytes * MB or None


def default_bytes() -> int:
    """A quarter of the memory that this process may have, at least LEAST_MB, at most 3 GiB."""
    have = min([os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), *_of_cgroups()])
    return max(LEAST_MB * MB, min(_MOST_BYTES, have // _SHARE))


def _of_cgroups(root: Path = _CGROUPS, own: Path = Path("/proc/self/cgroup")) -> Iterator[int]:
    """The limits of the control groups, of both versions, that this process is in: bytes."""
    with suppress(OSError):
        for line in own.read_text().splitlines():
            _, kinds, path = line.split(":", 2)
            if kinds and "memory" not in kinds.split(","):
                continue
            folder = root / ("memory" if kinds else "")
            name = "memory.limit_in_bytes" if kinds else "memory.max"
            inner = folder / path.lstrip("/")
            # A container sees its own group at the root, whatever its path is called outside.
            for group in {folder, inner, *(p for p in inner.parents if p.is_relative_to(folder))}:
                with suppress(OSError, ValueError):  # "max"
                    yield int((group / name).read_text())
