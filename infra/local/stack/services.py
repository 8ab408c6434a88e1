"""The processes of the stack, in the two groups in which they start."""

import json
import sys
from collections.abc import Callable, Sequence
from signal import SIGINT

from infra.local.azurite.server import ACCOUNT
from infra.local.azurite.server import Command as AzuriteCommand
from infra.local.postgres.cluster import Cluster
from infra.local.stack.endpoints import Endpoints
from infra.local.stack.keys import APPS
from infra.local.stack.layout import ROOT, Layout
from infra.local.stack.service import STOP_PATIENCE_S, Service, http_answers, is_ok, says_ready

_DRAIN_S = STOP_PATIENCE_S - 10  # what a Functions host gets before the supervisor loses patience


def foundation(layout: Layout, endpoints: Endpoints, cluster: Cluster) -> list[Service]:
    """What stands in for Azure: these start side by side, and each waits for the others by itself."""
    ports = endpoints.ports
    return [
        Service(
            "postgres",
            cluster_command(cluster),
            ports["postgres"],
            cluster.answers,
            before=cluster.prepare,
            account=cluster.account,
            stop_signal=SIGINT,  # PostgreSQL's fast shutdown: does not wait for clients to leave
        ),
        Service(
            "azurite",
            AzuriteCommand(layout.data("azurite"), ports["azurite"]).argv(),
            ports["azurite"],
            lambda: http_answers(ports["azurite"]),
            advice="where it lacks a module: `rm -rf .local/azurite`, then `make setup`",
        ),
        Service(
            "servicebus",
            _module(
                "servicebus",
                *("--topology", ROOT / "contracts/topology.json", "--data", layout.data("servicebus")),
                *("--port", ports["servicebus"], "--status-port", ports["servicebus_status"]),
                *("--key", endpoints.keys.servicebus),
            ),
            ports["servicebus"],
            lambda: http_answers(ports["servicebus_status"], "/health", is_ok),
        ),
        Service(
            "eventgrid",
            _module(
                "eventgrid",
                *("--config", ROOT / "contracts/eventgrid.json", "--data", layout.data("eventgrid")),
                *("--port", ports["eventgrid"], "--key", endpoints.keys.eventgrid),
                *("--servicebus", endpoints.servicebus, "--storage", endpoints.storage),
            ),
            ports["eventgrid"],
            lambda: http_answers(ports["eventgrid"], "/stats", is_ok),
        ),
        Service(
            "blobs",
            _module(
                "blob_events",
                *("--port", ports["blobs"], "--admin-port", ports["blobs_admin"]),
                *("--azurite", endpoints.azurite, "--eventgrid", endpoints.eventgrid("")),
                *("--account", ACCOUNT, "--data", layout.data("blobs")),
            ),
            ports["blobs"],
            lambda: http_answers(ports["blobs_admin"], "/stats", is_ok),
        ),
    ]


def apps(layout: Layout, endpoints: Endpoints) -> list[Service]:
    """The function apps, one host each; their settings files are written."""
    services = []
    for app in APPS:
        settings = layout.settings(app)
        settings.touch(mode=0o600)
        settings.write_text(json.dumps(endpoints.app_settings(app), indent=2) + "\n")
        command = _module(
            "functions_host",
            *(ROOT / "services" / app, "--port", endpoints.ports[app], "--state", layout.data(app)),
            *("--settings", settings, "--drain-seconds", _DRAIN_S),
        )
        services.append(Service(app, command, endpoints.ports[app], _host_ready(endpoints.ports[app])))
    return services


def cluster_command(cluster: Cluster) -> Sequence[str]:
    """The server's command line; the cluster has to be there before it can be told."""
    cluster.prepare()
    return cluster.command()


def _host_ready(port: int) -> Callable[[], bool]:
    return lambda: http_answers(port, "/admin/host/status", says_ready)


def _module(name: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", f"infra.local.{name}", *map(str, arguments)]
