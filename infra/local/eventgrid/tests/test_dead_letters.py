"""When the place for dead letters is not there, or not yet."""

from pathlib import Path

from azure.core.credentials import AzureKeyCredential
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridPublisherClient
from azure.storage.blob import ContainerClient

from infra.local.azurite.server import connection_string, free_port
from infra.local.azurite.testing import Azurite, running_azurite
from infra.local.eventgrid.testing import KEY, RunningEventGrid, running_eventgrid
from infra.local.eventgrid.tests.conftest import NO_SERVICE_BUS, Webhook, config_for, wait_until

ROUTE = "cog-events/hook"


def publish(grid: RunningEventGrid) -> None:
    with EventGridPublisherClient(
        grid.endpoint("cog-events"), AzureKeyCredential(KEY), retry_total=0
    ) as client:
        client.send(CloudEvent("/test", "demo.done", id="e"))


def test_a_missing_container_loses_the_event_and_the_log_says_so(
    tmp_path: Path, webhook: Webhook, azurite: Azurite
) -> None:
    webhook.answer = lambda _: 400
    config = config_for(webhook, deadLetterContainer="never-made")
    with running_eventgrid(
        tmp_path, NO_SERVICE_BUS, azurite.connection_string, config, retry_scale=0.001
    ) as grid:
        publish(grid)
        wait_until(lambda: grid.stats()[ROUTE].get("dropped") == 1)
    assert "the storage has no container 'never-made'; create it" in (tmp_path / "eventgrid.log").read_text()


def test_dead_letters_wait_for_a_storage_that_is_away_and_survive_a_kill(
    tmp_path: Path, webhook: Webhook
) -> None:
    webhook.answer = lambda _: 400
    port = free_port()
    storage = connection_string(f"http://127.0.0.1:{port}/devstoreaccount1")
    config = config_for(webhook, deadLetterContainer="deadletter")
    with running_eventgrid(tmp_path / "grid", NO_SERVICE_BUS, storage, config) as grid:  # given up after 72 s
        publish(grid)
        log = tmp_path / "grid" / "eventgrid.log"
        wait_until(lambda: "deadletter.unavailable" in log.read_text())
        grid.kill()
        with running_azurite(tmp_path / "azurite", port) as azurite:
            with ContainerClient.from_connection_string(azurite.connection_string, "deadletter") as client:
                client.create_container()
                grid.restart()
                wait_until(lambda: list(client.list_blobs()))
            wait_until(lambda: grid.stats()[ROUTE]["pending"] == 0)
    assert len(webhook.received) == 1
