"""How a blob storage account is reached: the SDK's client for it, from our settings."""

from collections.abc import Mapping
from typing import Any

from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient

from eventstac.settings import SettingsMissing

CONNECT_S, SILENCE_S, RETRIES = 10, 60, 3
_SOON = {"initial_backoff": 1, "increment_base": 1, "random_jitter_range": 1}  # 1 or 2 s between two of them
# Taken from a connection at a time; the 4 KB that azure-core takes by itself cost much CPU.
BLOCK_BYTES = 1024 * 1024
_CHUNK_BYTES = 16 * 1024 * 1024


def open_blob_service(
    values: Mapping[str, str], name: str = "BlobStorage", *, is_watched: bool = False
) -> BlobServiceClient:
    """A client from a connection string, or from the account's blob endpoint with a managed identity.

    Where somebody waits for it (`is_watched`), it tries again for seconds only, not for more than a minute.
    """
    options: dict[str, Any] = {
        "connection_timeout": CONNECT_S,
        "read_timeout": SILENCE_S,
        "retry_total": RETRIES,
        **(_SOON if is_watched else {}),
        # A large file is streamed in few requests; two of these are in memory at once.
        "max_single_get_size": _CHUNK_BYTES,
        "max_chunk_get_size": _CHUNK_BYTES,
        "connection_data_block_size": BLOCK_BYTES,
    }
    connection_string = values.get(name)
    if connection_string:
        try:
            return BlobServiceClient.from_connection_string(connection_string, **options)
        except ValueError as error:
            raise SettingsMissing(f"{name} is no connection string of a storage account: {error}") from error
    credential = DefaultAzureCredential(managed_identity_client_id=values.get(f"{name}__clientId"))
    return BlobServiceClient(values[f"{name}__blobServiceUri"], credential=credential, **options)
