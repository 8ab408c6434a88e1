"""Indexes and runs a function app through Microsoft's own worker library.

Nothing is imitated here: `azure-functions-runtime` is what runs Python 3.13 apps on Azure, so what it refuses,
how it builds a function's arguments and what it makes of the return value are Azure's own. One app per process.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from azure.functions import FunctionRegister
from azure.functions.meta import Datum

from infra.local.functions_host import protos
from infra.local.functions_host.errors import AppRefused

SCRIPT = "function_app.py"


@dataclass(frozen=True)
class IndexedFunction:
    """A function as the worker reports it: `bindings` are its raw bindings, decoded from JSON."""

    name: str
    id: str
    bindings: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class IndexedApp:
    """An app's functions, and the address of its own HTTP server where it has one (HTTP streams)."""

    functions: list[IndexedFunction]
    http: str | None


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended. `value` is the encoded return value (None where there is none)."""

    ok: bool
    value: Datum | None = None
    error: str | None = None


async def index(app_dir: Path) -> IndexedApp:
    """Load `function_app.py`. Raises AppRefused with the worker's own reason."""
    if not (app_dir / SCRIPT).is_file():
        raise AppRefused(f"{app_dir} has no {SCRIPT}.")
    _make_importable(app_dir)
    # Imported late: the library reads settings when it is imported.
    import azure_functions_runtime as worker  # type: ignore[import-untyped]  # it ships no types

    worker.start_threadpool_executor()
    init = SimpleNamespace(capabilities={}, function_app_directory=str(app_dir))
    request = SimpleNamespace(
        request=SimpleNamespace(worker_init_request=init),
        properties={"host": "127.0.0.1", "protos": protos.module()},
    )
    response = await worker.worker_init_request(request)
    if response.result.status != protos.StatusResult.Success:
        error = response.result.exception
        culprit = _culprit()
        where = f", function {culprit}" if culprit and culprit not in error.message else ""
        raise AppRefused(f"{app_dir / SCRIPT}{where}: {error.message}") from IndexingTrace(error.stack_trace)
    metadata = (await worker.functions_metadata_request(request)).function_metadata_results
    if not metadata:
        raise AppRefused(f"{app_dir / SCRIPT} declares no function.")
    functions = [
        IndexedFunction(item.name, item.function_id, tuple(json.loads(raw) for raw in item.raw_bindings))
        for item in metadata
    ]
    return IndexedApp(functions, response.capabilities.get("HttpUri"))


def _culprit() -> str | None:
    """The function that the worker stumbled over, for those of its errors that do not name it."""
    from azure_functions_runtime.functions import Registry  # type: ignore[import-untyped]  # it ships no types

    name = None
    try:
        for app in vars(sys.modules[Path(SCRIPT).stem]).values():
            if isinstance(app, FunctionRegister):
                app.functions_bindings = None  # an app tells its functions only once
                for function in app.get_functions():
                    name = function.get_function_name()
                    Registry().add_indexed_function(function, protos.module())
                name = None
    except Exception:  # noqa: BLE001 - whatever it is, the worker has reported it; only its place is wanted
        return name
    return None


class IndexingTrace(Exception):
    """Carries the worker's traceback of a failed import, for the log."""


def _make_importable(app_dir: Path) -> None:
    """Azure's import path: the app's folder, then the packages that were deployed with it."""
    packages = app_dir / ".python_packages" / "lib" / "site-packages"
    sys.path[:0] = [str(app_dir), *([str(packages)] if packages.is_dir() else [])]


async def invoke(
    function: IndexedFunction,
    invocation_id: str,
    inputs: Sequence[tuple[str, Datum]],
    metadata: dict[str, Datum],
) -> Outcome:
    """Run a function once; its exceptions become a failed outcome, which the worker logs with their traceback."""
    from azure_functions_runtime.native_invocation import (  # type: ignore[import-untyped]  # it ships no types
        invocation_request_native,
    )

    ok, value, _outputs, error, _trace = await invocation_request_native(
        invocation_id, function.id, list(inputs), metadata
    )
    return Outcome(ok, value, error)


async def invoke_beside_http(
    function: IndexedFunction, invocation_id: str, argument: str, route: Mapping[str, str]
) -> Outcome:
    """Run a function whose request reaches the app's own HTTP server; the invocation only bears the route's values."""
    import azure_functions_runtime as worker

    bare = SimpleNamespace(
        method="", url="", headers={}, query={}, params=dict(route), body=protos.OneOf(bytes=b"")
    )
    invocation = SimpleNamespace(
        invocation_id=invocation_id,
        function_id=function.id,
        input_data=[protos.ParameterBinding(name=argument, data=protos.OneOf(http=bare))],
        trigger_metadata={},
        trace_context=SimpleNamespace(trace_parent="", trace_state="", attributes={}),
        retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
    )
    request = SimpleNamespace(
        request=SimpleNamespace(invocation_request=invocation),
        properties={"host": "127.0.0.1", "protos": protos.module()},
    )
    response = await worker.invocation_request(request)
    if response.result.status == protos.StatusResult.Success:
        return Outcome(True)
    return Outcome(False, error=response.result.exception.message)
