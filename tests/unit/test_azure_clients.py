"""How the clients of Azure's SDKs are opened, and what they are never given."""

import socket
import time

import pytest

from eventstac.azure.blob_service import open_blob_service
from eventstac.azure.blob_storage import BlobStorage
from eventstac.azure.service_bus import ServiceBus, open_client
from eventstac.bus import Message
from eventstac.errors import Rejected, Transient
from eventstac.settings import SettingsMissing

LOCAL = "Endpoint=sb://localhost:1;SharedAccessKeyName=a;SharedAccessKey=YQ==;UseDevelopmentEmulator=true;"


@pytest.mark.parametrize("text", ["garbage", "a;b=c"])
def test_a_connection_string_that_is_none_is_told_by_the_setting_s_name(text: str) -> None:
    with pytest.raises(SettingsMissing, match="BlobStorage is no connection string"):
        open_blob_service({"BlobStorage": text})
    with pytest.raises(SettingsMissing, match="ServiceBus is no connection string"):
        open_client({"ServiceBus": text})


def test_who_waits_for_a_command_waits_seconds_for_a_storage_that_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    account = (
        f"BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;AccountName=devstoreaccount1;AccountKey=YQ=="
    )
    storage = BlobStorage(open_blob_service({"BlobStorage": account}, is_watched=True))
    with pytest.raises(Transient, match="the listing fails"):
        storage.page(f"{storage.account_url}/source", "", None, 1)
    assert len(slept) == 3
    assert sum(slept) < 10


def test_a_bus_that_is_away_is_named_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = ServiceBus(open_client({"ServiceBus": LOCAL}))

    def refuse(*_: object) -> None:
        raise OSError("refused")

    monkeypatch.setattr(bus, "_send_batches", refuse)
    with pytest.raises(
        Transient, match="topic asset-facts of Service Bus at localhost:1 does not take messages"
    ):
        bus.send([Message("asset-facts", "m", {})])
    bus.close()


def test_half_a_surrogate_pair_in_a_message_is_rejected_and_not_sent_again_for_a_day() -> None:
    bus = ServiceBus(open_client({"ServiceBus": LOCAL}))
    with pytest.raises(Rejected, match="unsendable"):
        bus.send([Message("asset-facts", "m", {"text": "\ud800"})])
    bus.close()
