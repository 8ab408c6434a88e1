"""Opens an app's telemetry as its settings say: off, into files, or to Application Insights."""

from collections.abc import Mapping

from eventstac.telemetry.spans import OFF, Telemetry

FOLDER = "TELEMETRY_FOLDER"
INSIGHTS = "APPLICATIONINSIGHTS_CONNECTION_STRING"


def is_wanted(values: Mapping[str, str]) -> bool:
    """Whether anybody listens."""
    return bool(values.get(INSIGHTS) or values.get(FOLDER))


def open_telemetry(app: str, values: Mapping[str, str]) -> Telemetry:
    """Telemetry of an app. OpenTelemetry is imported only where somebody listens: it takes up to seconds."""
    insights, folder = values.get(INSIGHTS), values.get(FOLDER)
    if insights:
        from eventstac.azure.application_insights import open_insights

        return open_insights(app, insights, values.get("AZURE_CLIENT_ID"))
    if folder:
        from eventstac.telemetry.files import open_files

        return open_files(app, folder)
    return OFF
