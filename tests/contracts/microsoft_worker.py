"""Indexes and invokes a function app through Microsoft's own worker library, over its wire messages.

Independent of the laptop's Functions host: the requests are built here as Azure's host builds them. The library
keeps one app for each process, so every check runs in a process of its own.
"""

import asyncio
import gc
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from infra.local.functions_host import protos

DEADLINE_S = 180  # for a machine that is busy with other things; a quiet one needs a twentieth
_REPLY = "microsoft-worker-reply:"
_SETTLE_TURNS = 100  # of the worker's loop: an answered request takes two or three to let go of what it had
# With these every app starts; what they name answers nothing.
SETTINGS = {
    "ServiceBus": "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=k;SharedAccessKey=a2V5;UseDevelopmentEmulator=true;",
    "BlobStorage": "UseDevelopmentStorage=true",
    "CatalogEvents__topicEndpoint": "http://127.0.0.1:1/api/events",
    "CatalogEvents__topicKey": "a2V5",
    "POSTGRES_HOST": "127.0.0.1",
    "POSTGRES_PORT": "1",
    "POSTGRES_DB": "eventstac",
    "POSTGRES_USER": "nobody",
    "POSTGRES_PASS": "none",
    "SOURCE_CONTAINERS": "source",
    "COG_CONTAINERS": "cogs",
    "THUMBNAILS_CONTAINER": "thumbnails",
    "CLAIMS_CONTAINER": "claims",
    "CONFIG_CONTAINER": "config",
    "RULES_BLOB": "collections.yaml",
    "STAC_CATALOG_ID": "eventstac",
    "STAC_CATALOG_TITLE": "eventstac",
}


@dataclass(frozen=True)
class Call:
    """An invocation: the function's name, and its inputs and trigger metadata as {name: [kind, value]}.

    Kinds are those of the protocol: string, json, bytes (given as text), http (a request as a dict).
    """

    function: str
    inputs: Mapping[str, tuple[str, Any]]
    metadata: Mapping[str, tuple[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """How a request to the worker ended; `error` is its own words, `answer` what the function returned.

    `cpu_s` is the processor time that it took; of an app's indexing, until all its functions were loaded.
    """

    ok: bool
    error: str = ""
    answer: Any = None
    cpu_s: float = 0.0


@dataclass(frozen=True)
class Report:
    """What the worker made of an app: raw bindings by function name (empty where indexing failed), and the calls.

    `held` are requests over HTTP that the worker still holds something of when all calls are over.
    """

    indexed: Result
    functions: Mapping[str, list[dict[str, Any]]]
    calls: list[Result]
    held: int


def work(
    app_dir: Path,
    *calls: Call,
    settings: Mapping[str, str] | None = None,
    library: Path | None = None,
    deadline_s: float = DEADLINE_S,
) -> Report:
    """Let a fresh worker process index `app_dir` and make the calls in turn.

    With `library` (see `worker_alone`) the process sees neither this checkout nor what is installed beside it: only
    Python's own library, that folder, and what the app brings in its .python_packages.
    """
    hidden = ["-S", "-P"] if library else []
    environment = dict(os.environ) | {"FUNCTIONS_WORKER_RUNTIME": "python"} | dict(settings or {})
    if library:
        own = app_dir / ".python_packages" / "lib" / "site-packages"
        environment["PYTHONPATH"] = os.pathsep.join([str(own), str(library)])
    request = json.dumps({"app_dir": str(app_dir), "calls": [asdict(call) for call in calls]})
    process = subprocess.run(
        [sys.executable, *hidden, "-m", "tests.contracts.microsoft_worker"],
        input=request,
        env=environment,
        cwd=library,
        capture_output=True,
        text=True,
        timeout=deadline_s,
        check=False,
    )
    replies = [line for line in process.stdout.splitlines() if line.startswith(_REPLY)]
    if not replies:
        raise AssertionError(f"The worker died with {process.returncode} on {app_dir}.\n{process.stderr}")
    reply = json.loads(replies[0].removeprefix(_REPLY))
    calls_made = [Result(**call) for call in reply["calls"]]
    return Report(Result(**reply["indexed"]), reply["functions"], calls_made, reply["held"])


def worker_alone(folder: Path) -> Path:
    """Copy the worker library and this harness to `folder`, and nothing else of this checkout."""
    installed = Path(sysconfig.get_path("purelib"))
    for name in ("azure_functions_runtime", "azurefunctions"):
        shutil.copytree(installed / name, folder / name)
    for module in (Path(__file__), Path(protos.__file__)):
        target = folder / module.relative_to(Path(__file__).parents[2])
        target.parent.mkdir(parents=True)
        shutil.copyfile(module, target)
    return folder


async def _answer(request: Mapping[str, Any]) -> dict[str, Any]:
    import azure_functions_runtime as worker  # type: ignore[import-untyped]  # it ships no types

    app_dir = str(request["app_dir"])
    sys.path.insert(0, app_dir)
    os.chdir(app_dir)
    worker.start_threadpool_executor()
    began = time.process_time()
    indexed = await worker.worker_init_request(
        _message(worker_init_request=SimpleNamespace(capabilities={}, function_app_directory=app_dir))
    )
    if not (result := _result(indexed)).ok:
        return {"indexed": asdict(result), "functions": {}, "calls": [], "held": 0}
    listed = (await worker.functions_metadata_request(_message())).function_metadata_results or []
    ids = {function.name: function.function_id for function in listed}
    for function_id in ids.values():
        load = SimpleNamespace(function_id=function_id)
        loaded = _result(await worker.function_load_request(_message(function_load_request=load)))
        assert loaded.ok, loaded.error
    result = replace(result, cpu_s=time.process_time() - began)
    http = indexed.capabilities.get("HttpUri")
    numbered = enumerate(request["calls"], 1)
    calls = [
        asdict(await _call(worker, ids, call, http, f"00000000-0000-0000-0000-{number:012}"))
        for number, call in numbered
    ]
    functions = {function.name: [json.loads(raw) for raw in function.raw_bindings] for function in listed}
    return {"indexed": asdict(result), "functions": functions, "calls": calls, "held": await _held()}


async def _held() -> int:
    """What is left of requests: by their objects in memory, wherever the worker has them."""
    from azure_functions_runtime.http_v2 import BaseContextReference  # type: ignore[import-untyped]

    for _ in range(_SETTLE_TURNS):
        await asyncio.sleep(0)
    gc.collect()
    return sum(isinstance(found, BaseContextReference) for found in gc.get_objects())


async def _call(
    worker: Any, ids: Mapping[str, str], call: Mapping[str, Any], http: str | None, invocation_id: str
) -> Result:
    if call["function"] not in ids:
        return Result(False, f"no function {call['function']!r}; there are {sorted(ids)}")
    invocation = SimpleNamespace(
        invocation_id=invocation_id,
        function_id=ids[call["function"]],
        input_data=[
            protos.ParameterBinding(name=name, data=_typed(*value)) for name, value in call["inputs"].items()
        ],
        trigger_metadata={name: _typed(*value) for name, value in call["metadata"].items()},
        trace_context=SimpleNamespace(trace_parent="", trace_state="", attributes={}),
        retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
    )
    (request,) = [value for kind, value in call["inputs"].values() if kind == "http"] or [None]
    began = time.process_time()
    # An app with HTTP streams gets the request itself over HTTP, beside the invocation.
    asked = asyncio.to_thread(_ask, http, request, invocation_id) if http and request else None
    invoked = asyncio.ensure_future(worker.invocation_request(_message(invocation_request=invocation)))
    answer = await asked if asked else None
    response = await invoked
    result = _result(response)
    cpu_s = time.process_time() - began
    return Result(result.ok, result.error, answer or _plain(getattr(response, "return_value", None)), cpu_s)


def _ask(server: str, request: Mapping[str, Any], invocation_id: str) -> dict[str, Any]:
    """Send a request to the app's own server as the host does; its answer as an invocation's would look."""
    host, _, port = server.removeprefix("http://").partition(":")
    until = time.monotonic() + DEADLINE_S
    while True:
        connection = HTTPConnection(host, int(port), timeout=DEADLINE_S)
        try:
            path = "/" + request["url"].split("/", 3)[3]
            connection.request(request["method"], path, headers={"x-ms-invocation-id": invocation_id})
            answer = connection.getresponse()
            body = answer.read().decode()
        except ConnectionRefusedError:  # it is being started
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return {"http": {"status_code": str(answer.status), "body": {"bytes": body}}}
        finally:
            connection.close()


def _message(**body: Any) -> SimpleNamespace:
    properties = {"host": "127.0.0.1", "protos": protos.module()}
    return SimpleNamespace(request=SimpleNamespace(**body), properties=properties)


def _typed(kind: str, value: Any) -> protos.OneOf:
    if kind == "bytes":
        return protos.OneOf(bytes=value.encode())
    if kind != "http":
        return protos.OneOf(**{kind: value})
    empty = {"headers": {}, "params": {}, "query": {}, "body": protos.OneOf(bytes=b"")}
    return protos.OneOf(http=SimpleNamespace(**(empty | value)))


def _result(response: Any) -> Result:
    if response.result.status == protos.StatusResult.Success:
        return Result(True)
    error = response.result.exception
    return Result(False, f"{error.message}\n{error.stack_trace}")


def _plain(value: Any) -> Any:
    """A return value as JSON."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, SimpleNamespace):
        return {name: _plain(item) for name, item in vars(value).items()}
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    sys.stdout.write(f"{_REPLY}{json.dumps(asyncio.run(_answer(json.load(sys.stdin))))}\n")
    sys.stdout.flush()
    os._exit(0)
