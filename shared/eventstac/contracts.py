"""Finds the files of `contracts/`, in a checkout as well as in an installed wheel."""

import json
from functools import cache
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parent
_INSTALLED = _PACKAGE / "_contracts"  # pyproject.toml force-includes the folder there when a wheel is built
_CHECKOUT = _PACKAGE.parent.parent / "contracts"


@cache
def contracts_root() -> Path:
    """The folder that holds the contracts; FileNotFoundError where neither a checkout nor a wheel has it."""
    for folder in (_INSTALLED, _CHECKOUT):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(
        f"no contracts at {_INSTALLED} or {_CHECKOUT}: install eventstac from a wheel, or from a whole checkout"
    )


def contract_path(name: str) -> Path:
    """The file or folder `name` of `contracts/` (`events/eventstac.blob.matched.v1.json`).

    FileNotFoundError for a name that is not there, ValueError for one that leads out of the folder.
    """
    root = contracts_root()
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"{name!r} is outside of {root}")
    if not path.exists():
        raise FileNotFoundError(f"no contract {name!r} in {root}")
    return path


def read_contract(name: str) -> dict[str, Any]:
    """The JSON object in the file `name` of `contracts/`."""
    document = json.loads(contract_path(name).read_text(encoding="utf-8"))
    if not isinstance(document, dict):
        raise TypeError(f"contract {name!r} must be a JSON object, not {type(document).__name__}")
    return document
