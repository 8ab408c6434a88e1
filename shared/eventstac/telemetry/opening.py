"""Opens an app's telemetry as its settings say: off, into files, or to Application Insights."""

import logging
from collections.abc import Callable, Mapping

from eventstac.telemetry.spans import OFF, Telemetry

log = logging.getLogger("eventstac")

FOLDER = "TELEMETRY_FOLDER"
INSIGHTS = "APPLICATIONINSIGHTS_CONNECTION_STRING"
AUTHENTICATION = "APPLICATIONINSIGHTS_AUTHENTICATION_STRING"


def is_wanted(values: Mapping[str, str]) -> bool:
    """Whether anybody listens."""
    return bool(values.get(INSIGHTS) or values.get(FOLDER))


def is_on_azure(values: Mapping[str, str]) -> bool:
    """Whether only Application Insights can tell what was told: `eventstac trace` reads files."""
    return bool(values.get(INSIGHTS)) and not values.get(FOLDER)


def _log(why: str) -> None:
    log.warning("telemetry_failed", extra={"detail": why})


def open_telemetry(app: str, values: Mapping[str, str], tell: Callable[[str], None] = _log) -> Telemetry:
    """Telemetry of an app. OpenTelemetry is imported only where somebody listens: it takes up to seconds.

    Where its files cannot be written it is off or loses lines, and `tell` hears why: no work depends on it.
    """
    insights, folder = values.get(INSIGHTS), values.get(FOLDER)
    if insights:
        from eventstac.azure.application_insights import open_insights

        client_id = values.get("AZURE_CLIENT_ID")
        by_identity = bool(client_id) or "Authorization=AAD" in values.get(AUTHENTICATION, "")
        return open_insights(app, insights, client_id, by_identity=by_identity)
    if folder:
        from eventstac.telemetry.files import open_files

        try:
            return open_files(app, folder, lambda why: tell(f"{FOLDER}: {why}"))
        except OSError as error:
            tell(f"{FOLDER}: {error}")
    return OFF
