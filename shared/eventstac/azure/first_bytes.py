"""The one GET of a look, through azure-core's pipeline and the credential of the SDK's client.

`BlobClient.download_blob` does the same for twice the CPU, of which a look at a small file has not much besides.
"""

from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

from azure.core.credentials import AzureSasCredential
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline import Pipeline, PipelineRequest
from azure.core.pipeline.policies import (
    AzureSasCredentialPolicy,
    BearerTokenCredentialPolicy,
    RetryPolicy,
    SansIOHTTPPolicy,
    UserAgentPolicy,
)
from azure.core.pipeline.transport import HttpRequest, HttpResponse, RequestsTransport
from azure.core.utils import case_insensitive_dict
from azure.storage.blob import BlobServiceClient

from eventstac.azure.blob_ranges import SCOPE
from eventstac.azure.blob_service import BLOCK_BYTES, CONNECT_S, RETRIES, SILENCE_S
from eventstac.blob_urls import BlobName


class FirstBytes:
    """Gets the beginning of blobs of one account."""

    def __init__(self, service: BlobServiceClient) -> None:
        self._query = str(service.url).partition("?")[2]
        self._version = service.api_version
        transport = RequestsTransport(
            connection_timeout=CONNECT_S, read_timeout=SILENCE_S, connection_data_block_size=BLOCK_BYTES
        )
        credential = _policy(service.credential)
        policies = [
            UserAgentPolicy("eventstac"),
            RetryPolicy(retry_total=RETRIES),
            _Dated(),
            *([credential] if credential else []),
        ]
        self._pipeline: Pipeline[HttpRequest, HttpResponse] = Pipeline(transport, policies)

    def get(self, name: BlobName, length: int) -> tuple[Mapping[str, str], bytes]:
        """Headers of the storage's answer, and the first bytes as they are stored: `length`, or all of a smaller blob.

        Errors: HttpResponseError and other AzureErrors, as the SDK raises them.
        """
        url = f"{name.url}?{self._query}" if self._query else name.url
        request = HttpRequest(
            "GET", url, headers={"x-ms-version": self._version, "x-ms-range": f"bytes=0-{length - 1}"}
        )
        response = self._pipeline.run(request, stream=True).http_response
        if response.status_code not in (200, 206):
            response.body()
            raise HttpResponseError(response=response)
        data = b"".join(response.stream_download(self._pipeline, decompress=False))
        return case_insensitive_dict(response.headers), data


class _Dated(SansIOHTTPPolicy[HttpRequest, HttpResponse]):
    """Each attempt says when it was made: the account key's signature includes it."""

    def on_request(self, request: PipelineRequest[HttpRequest]) -> None:
        request.http_request.headers["x-ms-date"] = formatdate(usegmt=True)


def _policy(credential: Any) -> Any:
    """What signs requests with a client's credential; None for a SAS that stands in the client's URL."""
    if isinstance(credential, AzureSasCredential):
        return AzureSasCredentialPolicy(credential)
    if hasattr(credential, "get_token"):
        return BearerTokenCredentialPolicy(credential, SCOPE)
    return credential  # the SDK's own policy for an account key
