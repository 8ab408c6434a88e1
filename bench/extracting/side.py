"""One side in a process of its own: extracts the blobs that each line on its input names, and prints what that took.

Run by `turns` as `python -m bench.extracting.side SIDE PORT`.
"""

import functools
import json
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from bench.extracting.cases import CONTAINER, PLAIN, WARM_UP
from bench.extracting.proxy import counts
from infra.local.azurite.server import connection_string

THREADS = 8
WARM_UP_READS = 8  # by each thread of each side
TUNED = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_INGESTED_BYTES_AT_OPEN": "524288",
    "CPL_VSIL_CURL_CHUNK_SIZE": "1048576",
    "CPL_VSIL_CURL_USE_HEAD": "NO",
    "VSI_CACHE": "YES",
}
# Without this a second pass would read GDAL's cache: the stale-cache trap, which also makes it look fast.
ALWAYS = {"CPL_VSIL_CURL_NON_CACHED": f"/vsiaz/{CONTAINER}/"}

type Extract = Callable[[str], None]
type Prepare = Callable[[], object]  # of each thread


def eventstac(text: str, thumbnail: bool) -> tuple[Extract, Prepare]:
    """The look at a blob and everything that is read from it."""
    from eventstac.azure.blob_service import open_blob_service
    from eventstac.azure.blob_storage import BlobStorage
    from eventstac.raster.extract import read_raster

    storage = BlobStorage(open_blob_service({"BlobStorage": text}))

    def extract(name: str) -> None:
        _, reader = storage.look(f"{storage.account_url}/{CONTAINER}/{name}")
        assert reader is not None
        assert read_raster(reader, {}, thumbnail=thumbnail).metadata["bbox"]

    return extract, lambda: None


def rio_stac(text: str, settings: dict[str, str]) -> tuple[Extract, Prepare]:
    """rio-stac's Item; GDAL's settings are made once for each thread, which spares 1 to 2 ms a file."""
    import rasterio
    from rio_stac import create_stac_item

    def extract(name: str) -> None:
        item = create_stac_item(
            f"/vsiaz/{CONTAINER}/{name}", input_datetime=datetime(2026, 1, 1, tzinfo=UTC), id="a",
            with_proj=True, with_raster=True, with_eo=True,
        )  # fmt: skip
        assert item.bbox

    environment = {"AZURE_STORAGE_CONNECTION_STRING": text, **ALWAYS, **settings}
    return extract, lambda: rasterio.Env(**environment).__enter__()


def main(side: str, port: int) -> None:
    """Warm up, say so, and make a pass for each line."""
    warnings.simplefilter("ignore")
    text = connection_string(f"http://127.0.0.1:{port}/devstoreaccount1")
    if side.startswith("eventstac"):
        extract, prepare = eventstac(text, side != PLAIN)
    else:
        extract, prepare = rio_stac(text, TUNED if "tuned" in side else {})
    threads = THREADS if "8 threads" in side else 1
    with ThreadPoolExecutor(threads, initializer=prepare) as pool:
        for _ in range(WARM_UP_READS):
            list(pool.map(extract, [WARM_UP] * threads))
        print("ready", flush=True)
        for line in sys.stdin:
            blobs = json.loads(line)
            print(json.dumps(one_pass(functools.partial(pool.map, extract, blobs), port)), flush=True)


def one_pass(run: Callable[[], Iterator[None]], port: int) -> dict[str, float]:
    """Seconds, processor time, requests, bytes, and the peak of memory until now."""
    counts(port)
    cpu, began = cpu_seconds(), time.perf_counter()
    list(run())
    seconds, cpu = time.perf_counter() - began, cpu_seconds() - cpu
    memory = peak_kilobytes([Path("/proc/self"), *workers()]) / 1024
    return {"seconds": seconds, "cpu": cpu, "memory": memory, **counts(port)}


def workers() -> list[Path]:
    """The processes of our children in /proc."""
    tasks = Path("/proc/self/task").iterdir()
    return [Path("/proc", pid) for task in tasks for pid in (task / "children").read_text().split()]


def cpu_seconds() -> float:
    """Of this process and of its workers, those that ended too."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    # Linux's clock of another process: /proc counts in hundredths of a second.
    running = sum(time.clock_gettime(~int(worker.name) << 3 | 2) for worker in workers())
    return sum(usage.ru_utime + usage.ru_stime for usage in usages) + running


def peak_kilobytes(processes: list[Path]) -> int:
    """The peaks of all of them together (getrusage would count what we were forked from)."""
    lines = [line for process in processes for line in (process / "status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(sys.argv[1], int(sys.argv[2]))
