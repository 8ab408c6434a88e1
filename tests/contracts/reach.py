"""Which modules an app, or the command `eventstac`, leads to, lazy imports included; what each of them imports."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
APPS = ("scanner", "extractor", "loader", "cog_updater", "stac_api")
OPERATOR = "operator"


@dataclass(frozen=True)
class Reach:
    """Our own modules by name, and the names of the foreign ones (azure.* with two parts, others with one)."""

    ours: dict[str, ast.Module]
    foreign: frozenset[str]


@cache
def reach(app: str) -> Reach:
    """Follow the imports of an app; `operator` is the command `eventstac`."""
    ours: dict[str, ast.Module] = {}
    foreign: set[str] = set()
    command = ("eventstac.cli.entry", ROOT / "shared" / "eventstac" / "cli" / "entry.py")
    waiting = [command if app == OPERATOR else ("function_app", ROOT / "services" / app / "function_app.py")]
    while waiting:
        name, path = waiting.pop()
        if name in ours:
            continue
        ours[name] = ast.parse(path.read_text())
        for imported in _with_parents(_imports(ours[name])):
            file = _file(app, imported)
            top = imported.split(".")[0]
            if file:
                waiting.append((imported, file))
            elif (
                name_of_foreign(imported)
                and top not in sys.stdlib_module_names
                and top not in ("eventstac", app)
            ):
                foreign.add(name_of_foreign(imported))
    return Reach(ours, frozenset(foreign))


def name_of_foreign(module: str) -> str:
    """The part of a foreign module's name that tells its distribution; empty for a mere namespace."""
    parts = module.split(".")
    return parts[0] if parts[0] != "azure" else ".".join(parts[:2]) if len(parts) > 1 else ""


def _with_parents(names: Iterator[str]) -> Iterator[str]:
    """Importing a.b.c runs a and a.b, too."""
    for name in names:
        parts = name.split(".")
        yield from (".".join(parts[:length]) for length in range(1, len(parts) + 1))


def _imports(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("files"):
            yield from (str(arg.value) for arg in node.args if isinstance(arg, ast.Constant))


def _file(app: str, module: str) -> Path | None:
    for base in (ROOT / "shared", ROOT / "services" / app):
        path = base.joinpath(*module.split("."))
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if candidate.exists():
                return candidate
    return None
