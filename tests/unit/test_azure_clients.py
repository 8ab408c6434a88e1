"""How the clients of Azure's SDKs are opened, and what they are never given."""

import pytest

from eventstac.azure.blob_service import open_blob_service
from eventstac.azure.service_bus import ServiceBus, open_client
from eventstac.bus import Message
from eventstac.errors import Rejected
from eventstac.settings import SettingsMissing


@pytest.mark.parametrize("text", ["garbage", "a;b=c"])
def test_a_connection_string_that_is_none_is_told_by_the_setting_s_name(text: str) -> None:
    with pytest.raises(SettingsMissing, match="BlobStorage is no connection string"):
        open_blob_service({"BlobStorage": text})
    with pytest.raises(SettingsMissing, match="ServiceBus is no connection string"):
        open_client({"ServiceBus": text})


def test_half_a_surrogate_pair_in_a_message_is_rejected_and_not_sent_again_for_a_day() -> None:
    local = (
        "Endpoint=sb://localhost:1;SharedAccessKeyName=a;SharedAccessKey=YQ==;UseDevelopmentEmulator=true;"
    )
    bus = ServiceBus(open_client({"ServiceBus": local}))
    with pytest.raises(Rejected, match="unsendable"):
        bus.send([Message("asset-facts", "m", {"text": "\ud800"})])
    bus.close()
