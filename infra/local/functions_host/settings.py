"""Application settings: where they come from, and how bindings refer to them."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from infra.local.functions_host.errors import BadSetting

# What Azure sets for every Python app, with the values that a laptop has.
AZURE_DEFAULTS = {
    "FUNCTIONS_WORKER_RUNTIME": "python",
    "FUNCTIONS_WORKER_RUNTIME_VERSION": "3.13",
    "FUNCTIONS_EXTENSION_VERSION": "~4",
    "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
    "PYTHON_ISOLATE_WORKER_DEPENDENCIES": "1",
}

_REFERENCE = re.compile(r"%([^%]+)%")


def environment(app_dir: Path, settings_file: Path | None) -> dict[str, str]:
    """The worker's environment: Azure's defaults, this process's environment, then the settings file.

    The file is a JSON object of strings, or a `local.settings.json` (its `Values` are taken).
    """
    result = AZURE_DEFAULTS | dict(os.environ)
    result["AzureWebJobsScriptRoot"] = str(app_dir)
    result["WEBSITE_SITE_NAME"] = result.get("WEBSITE_SITE_NAME", app_dir.name)
    if settings_file is not None:
        result |= _read(settings_file)
    return result


def _read(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BadSetting(f"The settings file {path} does not exist.") from None
    except ValueError as error:
        raise BadSetting(f"The settings file {path} is not JSON: {error}.") from error
    if isinstance(content, dict) and isinstance(content.get("Values"), dict):
        content = content["Values"]
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise BadSetting(f"The settings file {path} must be one JSON object whose values are strings.")
    return content


def expand(text: str, settings: Mapping[str, str], where: str) -> str:
    """Replace every `%NAME%` by the setting of that name. Raises BadSetting naming what is missing."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in settings:
            raise BadSetting(f"{where}: {match[0]} does not resolve to a value; set {match[1]}.")
        return settings[match[1]]

    return _REFERENCE.sub(value, text)


def connection(name: str, settings: Mapping[str, str], where: str) -> str:
    """The connection string behind a binding's `connection`, looked up as the host does."""
    name = name or "ServiceBus"
    for candidate in (f"AzureWebJobs{name}", name):
        if settings.get(candidate):
            return settings[candidate]
    if f"{name}__fullyQualifiedNamespace" in settings:
        raise BadSetting(
            f"{where}: {name} is set up for an identity ({name}__fullyQualifiedNamespace), which this host"
            f" does not offer; set {name} to a connection string."
        )
    raise BadSetting(f"{where}: the setting {name} (its connection) is missing.")
