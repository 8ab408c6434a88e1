"""Opens an app's telemetry as its settings say: off, into files, or to Application Insights."""

from collections.abc import Mapping

from eventstac.telemetry.spans import OFF, Telemetry

FOLDER = "TELEMETRY_FOLDER"
INSIGHTS = "APPLICATIONINSIGHTS_CONNECTION_STRING"
AUTHENTICATION = "APPLICATIONINSIGHTS_AUTHENTICATION_STRING"


def is_wanted(values: Mapping[str, str]) -> bool:
    """Whether anybody listens."""
    return bool(values.get(INSIGHTS) or values.get(FOLDER))


def is_on_azure(values: Mapping[str, str]) -> bool:
    """Whether only Application Insights can tell what was told: `eventstac trace` reads files."""
    return bool(values.get(INSIGHTS)) and not values.get(FOLDER)


def open_telemetry(app: str, values: Mapping[str, str]) -> Telemetry:
    """Telemetry of an app. OpenTelemetry is imported only where somebody listens: it takes up to seconds."""
    insights, folder = values.get(INSIGHTS), values.get(FOLDER)
    if insights:
        from eventstac.azure.application_insights import open_insights

        client_id = values.get("AZURE_CLIENT_ID")
        by_identity = bool(client_id) or "Authorization=AAD" in values.get(AUTHENTICATION, "")
        return open_insights(app, insights, client_id, by_identity=by_identity)
    if folder:
        from eventstac.telemetry.files import open_files

        return open_files(app, folder)
    return OFF
