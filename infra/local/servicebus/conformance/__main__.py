"""`make conformance`: fetches the SDK's sdist, runs its live tests for queues, topics and subscriptions, reports.

The tests are Microsoft's (MIT); they are fetched by pip at run time into `.local/conformance/` and are not part of this
repository. `shims/` replaces what would make Azure resources.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
CACHE = ROOT / ".local" / "conformance"
SHIMS = Path(__file__).with_name("shims")
TESTS = ("test_queues.py", "test_topic.py", "test_subscriptions.py")
ASYNC_TESTS = ("test_queues_async.py", "test_topic_async.py", "test_subscriptions_async.py")
SUPPORT = ("utilities.py", "mocks.py", "async_tests/mocks_async.py")
TEST_TIMEOUT_S = 900  # one of the tests sleeps for five minutes, to outlast an idle connection


@dataclass(frozen=True)
class Outcome:
    """One test's result: "passed", "failed" or "not applicable", with a reason for the last two."""

    name: str
    result: str
    detail: str


def main(arguments: list[str] | None = None) -> int:
    """Fetch, run, print; 0 if nothing failed."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.servicebus.conformance")
    parser.add_argument(
        "--shards", type=int, default=8, help="test processes side by side (they mostly sleep)"
    )
    parser.add_argument("-k", dest="only", default="", help="pytest's -k: a part of the tests")
    parser.add_argument("--sync-only", action="store_true", help="leave the async twins out")
    given = parser.parse_args(arguments)
    tests = _prepare(_fetch(), CACHE / "run")
    names = list(TESTS) if given.sync_only else [*TESTS, *ASYNC_TESTS]
    outcomes = _run(tests, names, given.shards, given.only)
    return _report(outcomes)


def _fetch() -> Path:
    """The sdist of the installed SDK, unpacked."""
    release = version("azure-servicebus")
    unpacked = CACHE / f"azure_servicebus-{release}"
    if not (unpacked / "tests").is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        pip = CACHE / "pip"
        _call(sys.executable, "-m", "venv", str(pip))
        wanted = f"azure-servicebus=={release}"
        _call(
            str(pip / "bin" / "python"),
            *("-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"),
            *("--dest", str(CACHE), wanted),
        )
        with tarfile.open(CACHE / f"azure_servicebus-{release}.tar.gz") as archive:
            archive.extractall(CACHE, filter="data")
    return unpacked / "tests"


def _prepare(source: Path, target: Path) -> Path:
    """A directory with the tests and our shims side by side."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(SHIMS, target, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (*TESTS, *SUPPORT, *(f"async_tests/{name}" for name in ASYNC_TESTS)):
        shutil.copy(source / name, target / Path(name).name)
    return target


def _run(tests: Path, names: list[str], shards: int, only: str) -> list[Outcome]:
    running = []
    for shard in range(shards):
        report = tests / f"report-{shard}.xml"
        command = [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=prepend"),
            *(
                "-c",
                os.devnull,
                "--rootdir",
                str(tests),
                "-o",
                "asyncio_mode=auto",
                "-o",
                "asyncio_default_fixture_loop_scope=function",
                f"--timeout={TEST_TIMEOUT_S}",
            ),
            *(
                f"--junit-xml={report}",
                *(["-k", only] if only else []),
                *(str(tests / name) for name in names),
            ),
        ]
        environment = {
            **os.environ,
            "CONFORMANCE_SHARD": str(shard),
            "CONFORMANCE_SHARDS": str(shards),
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(tests))),
        }
        with (tests / f"log-{shard}.txt").open("w", encoding="utf-8") as log:
            process = subprocess.Popen(command, cwd=tests, env=environment, stdout=log, stderr=log)  # noqa: S603 - ours
        running.append((process, report))
    outcomes = []
    for process, report in running:
        if process.wait() not in (0, 1, 5):  # 1: tests failed; 5: nothing in this shard
            sys.exit(f"conformance: pytest did not finish: see {report.with_name('log-*.txt')}")
        outcomes += [_outcome(case) for case in ElementTree.parse(report).iter("testcase")]  # noqa: S314 - written by us
    return sorted(outcomes, key=lambda outcome: outcome.name)


def _outcome(case: ElementTree.Element) -> Outcome:
    name = f"{case.get('classname')}.{case.get('name')}"
    for kind in ("failure", "error"):
        found = case.find(kind)
        if found is not None:
            return Outcome(
                name, "failed", (found.get("message") or "").splitlines()[0] if found.get("message") else ""
            )
    skipped = case.find("skipped")
    if skipped is not None:
        reason = skipped.get("message") or ""
        ours = reason.removeprefix("not applicable: ")
        return Outcome(name, "not applicable", ours if ours != reason else f"Microsoft skips it: {reason}")
    return Outcome(name, "passed", "")


def _report(outcomes: list[Outcome]) -> int:
    counts = Counter(outcome.result for outcome in outcomes)
    for outcome in outcomes:
        if outcome.result != "passed":
            sys.stdout.write(f"{outcome.result:15} {outcome.name}: {outcome.detail}\n")
    sys.stdout.write(
        f"conformance: {counts['passed']} passed, {counts['failed']} failed, "
        f"{counts['not applicable']} not applicable\n"
    )
    return 1 if counts["failed"] or not counts["passed"] else 0


def _call(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own arguments
    if done.returncode:
        sys.exit(f"conformance: {' '.join(command)} failed: {done.stderr.strip()[-1000:]}")


if __name__ == "__main__":
    sys.exit(main())
