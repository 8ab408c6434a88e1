"""How the clients of Azure's SDKs are opened, and what they are never given."""

import pytest

from eventstac.azure.blob_service import open_blob_service
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
