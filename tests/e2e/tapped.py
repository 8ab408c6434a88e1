"""The stack of the end-to-end tests: as `contracts/` declares it, with a tap on every topic.

`python -m tests.e2e.tapped DIRECTORY` is its supervisor. It differs from other tests' stacks in the topology only: each
Service Bus topic has one more subscription, `tap`, that nobody consumes; `catalog-events` of Event Grid is delivered
to a Service Bus topic of its name; and locks are short, so that what a killed app held comes again within seconds.
"""

import contextlib
import json
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from infra.local.postgres.cluster import Cluster
from infra.local.stack import run, services
from infra.local.stack.endpoints import Endpoints
from infra.local.stack.layout import ROOT, Layout
from infra.local.stack.service import Service
from infra.local.stack.testing import Stack, running_stack

TAP = "tap"
LOCK = "PT6S"  # the product has up to PT5M; it is how long a crash delays what the app held


def topology() -> dict[str, Any]:
    """contracts/topology.json with the taps, and a topic for what Event Grid tells the world."""
    document: dict[str, Any] = json.loads((ROOT / "contracts/topology.json").read_text())
    topics = document["UserConfig"]["Namespaces"][0]["Topics"]
    for topic in topics:
        for subscription in topic["Subscriptions"]:
            subscription["Properties"]["LockDuration"] = LOCK
    topics.append({"Name": "catalog-events", "Properties": {}, "Subscriptions": []})
    for topic in topics:
        topic["Subscriptions"].append({"Name": TAP, "Properties": {"LockDuration": LOCK}})
    return document


def routes() -> dict[str, Any]:
    """contracts/eventgrid.json, with `catalog-events` delivered to the Service Bus topic of that name."""
    document: dict[str, Any] = json.loads((ROOT / "contracts/eventgrid.json").read_text())
    document["$schema"] = str(ROOT / "contracts/eventgrid.schema.json")
    (catalog,) = [topic for topic in document["customTopics"] if topic["name"] == "catalog-events"]
    destination = {"endpointType": "ServiceBusTopic", "topic": "catalog-events"}
    catalog["eventSubscriptions"].append({"name": TAP, "destination": destination})
    return document


def tapped_stack(directory: Path) -> AbstractContextManager[Stack]:
    """As `infra.local.stack.testing.running_stack`, with the taps."""
    return running_stack(directory, "tests.e2e.tapped", str(directory))


def main(directory: Path) -> int:
    """Supervise until standard input ends."""
    layout = Layout(directory)
    layout.make()
    files = {"--topology": directory / "topology.json", "--config": directory / "eventgrid.json"}
    files["--topology"].write_text(json.dumps(topology()))
    files["--config"].write_text(json.dumps(routes()))
    as_declared = services.foundation

    def tapped(layout: Layout, endpoints: Endpoints, cluster: Cluster) -> list[Service]:
        return [
            replace(service, command=_with(service.command, files))
            for service in as_declared(layout, endpoints, cluster)
        ]

    with patch.object(services, "foundation", tapped), contextlib.suppress(KeyboardInterrupt):
        return run.run(layout, until_eof=True, fast=True)
    return 1


def _with(command: Sequence[str], files: dict[str, Path]) -> list[str]:
    """The command line with other files for the options that name one."""
    words = list(command)
    for option, path in files.items():
        if option in words:
            words[words.index(option) + 1] = str(path)
    return words


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
