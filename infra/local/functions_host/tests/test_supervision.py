"""Workers crash, hang and are told to stop; the host copes and says so."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from infra.local.functions_host import exits
from infra.local.functions_host.testing import DEADLINE_S, RunningHost, running_host
from infra.local.functions_host.tests.conftest import APPS

REFUSED_APP = """
import azure.functions as func
app = func.FunctionApp()

@app.timer_trigger(schedule="0 0 0 * * *", arg_name="timer")
def broken(timer: func.TimerRequest, extra) -> None: ...
"""


def write_app(folder: Path, source: str, host: dict[str, object] | None = None) -> Path:
    folder.mkdir()
    (folder / "function_app.py").write_text(source)
    (folder / "host.json").write_text(json.dumps({"version": "2.0"} | (host or {})))
    return folder


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # the last where it ends while one reads
        return False


def call_in_background(host: RunningHost, path: str, answers: list[tuple[int, bytes]]) -> threading.Thread:
    def call() -> None:
        try:
            status, _, body = host.request("GET", path)
        except OSError:
            status, body = 0, b""
        answers.append((status, body))

    thread = threading.Thread(target=call)
    thread.start()
    return thread


def test_a_worker_that_ends_is_started_again_with_a_growing_pause_and_the_port_stays(state: Path) -> None:
    with running_host(APPS / "web", state) as host:
        first = host.ready().worker_pid()
        os.kill(first, signal.SIGKILL)
        host.event("worker running", count=2)
        assert host.ready().worker_pid() != first

        answers: list[tuple[int, bytes]] = []
        call_in_background(host, "/api/leaves", answers).join()
        assert answers == [(0, b"")]
        host.event("worker running", count=3)
        host.ready()

        ends = host.wait_for(lambda line: line.get("event") == "worker ended", 2)
        assert [line["code"] for line in ends] == [-signal.SIGKILL, exits.FAULT]
        assert [line["starting_again_in_s"] for line in ends] == [0.5, 1]


def test_workers_die_with_their_host(state: Path) -> None:
    with running_host(APPS / "web", state, None, "--workers", "2") as host:
        workers = [
            line["pid"] for line in host.wait_for(lambda line: line.get("event") == "worker running", 2)
        ]
        assert all(is_alive(pid) for pid in workers)

        host.stop(signal.SIGKILL)

        until = time.monotonic() + DEADLINE_S
        while any(is_alive(pid) for pid in workers):
            assert time.monotonic() < until


def test_a_drain_lets_what_runs_finish(state: Path) -> None:
    answers: list[tuple[int, bytes]] = []
    with running_host(APPS / "web", state) as host:
        call = call_in_background(host.ready(), "/api/slow?s=0.5", answers)
        host.message("slow begins")

        code = host.stop()
        call.join()

    assert answers == [(200, b"slow but done")]
    assert code == 0
    assert host.event("drained")


def test_a_drain_has_a_limit_and_names_what_still_runs(state: Path) -> None:
    answers: list[tuple[int, bytes]] = []
    with running_host(APPS / "web", state, None, "--drain-seconds", "0.3") as host:
        call = call_in_background(host.ready(), "/api/slow?s=30", answers)
        host.message("slow begins")

        code = host.stop(signal.SIGINT)
        call.join()

    assert host.event("not drained")["running"] == {"slow": 1}
    assert code == exits.NOT_DRAINED
    assert not [line for line in host.lines if line.get("event") == "worker failed"]


def test_a_function_that_runs_too_long_costs_its_worker(tmp_path: Path, state: Path) -> None:
    source = (APPS / "web" / "function_app.py").read_text()
    app = write_app(tmp_path / "app", source, {"functionTimeout": "00:00:01"})
    with running_host(app, state) as host:
        first = host.ready().worker_pid()
        assert host.request("GET", "/api/slow?s=30")[0] == 500

        line = host.event("invocation", outcome="timed out")
        assert (line["function"], "functionTimeout" in line["error"]) == ("slow", True)
        assert host.event("worker ended")["code"] == exits.TIMED_OUT
        host.event("worker running", count=2)
        assert host.ready().worker_pid() != first


def test_an_app_that_the_worker_refuses_ends_the_host_with_the_reason(tmp_path: Path, state: Path) -> None:
    app = write_app(tmp_path / "app", REFUSED_APP)
    with running_host(app, state) as host:
        code = host.wait()

    assert code == exits.REFUSED
    assert "cannot load the broken function" in host.errors
    assert "{'extra'}" in host.errors
    assert "Traceback" not in host.errors


def test_an_error_of_the_worker_that_names_no_function_is_told_with_the_function(
    tmp_path: Path, state: Path
) -> None:
    output = '@app.service_bus_queue_output(arg_name="out", connection="B", queue_name="q")\n'
    binding = REFUSED_APP.replace(
        "def broken(timer: func.TimerRequest, extra)", output + "def broken(timer, out: Wrong)"
    )
    app = write_app(
        tmp_path / "app", "import typing\n" + binding.replace("Wrong", "func.Out[typing.List[str]]")
    )
    with running_host(app, state) as host:
        assert host.wait() == exits.REFUSED

    assert "function broken: TypeError: issubclass()" in host.errors


def test_an_error_while_the_app_is_imported_is_told_with_its_place(tmp_path: Path, state: Path) -> None:
    app = write_app(tmp_path / "app", "import json\njson.loads('{')\n")
    with running_host(app, state) as host:
        assert host.wait() == exits.REFUSED

    assert "JSONDecodeError" in host.errors
    assert 'function_app.py", line 2' in host.event("refused")["exception"]


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({}, "host.json is missing"),
        ({"host.json": "{"}, "is not JSON"),
        ({"host.json": '{"version": "2.0", "functionTimeout": "x"}'}, "functionTimeout"),
        ({"host.json": '{"version": "2.0"}'}, "has no function_app.py"),
        ({"host.json": '{"version": "2.0"}', "function_app.py": "import azure.functions as f\na = f.FunctionApp()"},
         "declares no function"),
    ],
)  # fmt: skip
def test_a_folder_that_is_no_app_is_refused(
    tmp_path: Path, state: Path, files: dict[str, str], complaint: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with running_host(tmp_path, state) as host:
        assert host.wait() != 0
    assert complaint in host.errors
    assert len(host.errors.splitlines()) == 1


def test_a_state_folder_belongs_to_one_host_and_a_port_too(
    state: Path, tmp_path: Path, web: RunningHost
) -> None:
    with running_host(APPS / "web", state) as first:
        first.event("host listening")
        with running_host(APPS / "web", state) as second:
            assert second.wait() == 1
        assert "Another host already runs" in second.errors
    with running_host(APPS / "web", tmp_path / "other", None, "--port", str(web.port)) as third:
        assert third.wait() == 1
    assert f"Port {web.port} cannot be used" in third.errors


def test_settings_of_the_file_win_over_the_environment(tmp_path: Path, state: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"Values": {"A": "file"}}))

    with running_host(APPS / "web", state, {"A": "environment", "B": "b"}, "--settings", str(file)) as host:
        assert host.request("GET", "/api/settings?names=A,B")[2] == b"file,b"


def test_a_broken_settings_file_is_refused(tmp_path: Path, state: Path) -> None:
    file = tmp_path / "settings.json"
    for text, complaint in ((None, "does not exist"), ("{", "not JSON"), ('{"A": 1}', "values are strings")):
        if text is not None:
            file.write_text(text)
        with running_host(APPS / "web", state, None, "--settings", str(file)) as host:
            assert host.wait() == 1
        assert complaint in host.errors
