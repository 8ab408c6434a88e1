import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[3] / "services" / "stac_api" / "stac_api"


def imports_of(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_only_two_modules_know_the_driver() -> None:
    knowing = {file.name for file in PACKAGE.glob("*.py") if "asyncpg" in imports_of(file)}
    assert knowing == {"database.py", "failures.py"}
    assert not [
        file for file in PACKAGE.glob("*.py") if imports_of(file) & {"azure", "psycopg", "infra", "rasterio"}
    ]


def test_a_start_loads_no_schemas_and_no_rasters() -> None:
    """A cold start must not pay for what only /validate needs."""
    heavy = ("pystac", "rasterio", "jsonschema_rs", "shapely", "psycopg", "redis")
    code = f"import stac_api.app, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
