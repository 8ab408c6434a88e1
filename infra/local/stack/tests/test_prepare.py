"""What the storage is prepared with, and what it keeps."""

from pathlib import Path

from azure.storage.blob import BlobServiceClient, CorsRule

from infra.local.azurite.testing import running_azurite
from infra.local.stack.prepare import cross_origin


def test_rules_that_somebody_made_for_pages_of_other_origins_stay(tmp_path: Path) -> None:
    with (
        running_azurite(tmp_path) as azurite,
        BlobServiceClient.from_connection_string(azurite.connection_string) as service,
    ):
        cross_origin(azurite.connection_string)
        [ours] = service.get_service_properties()["cors"]
        assert (ours.allowed_origins, ours.allowed_methods) == ("*", "GET,HEAD")
        service.set_service_properties(cors=[CorsRule(["https://a.example"], ["GET"])])
        cross_origin(azurite.connection_string)
        [theirs] = service.get_service_properties()["cors"]
        assert theirs.allowed_origins == "https://a.example"
