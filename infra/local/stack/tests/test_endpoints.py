"""The addresses that SDKs and apps get."""

import subprocess
from pathlib import Path

from azure.servicebus import parse_connection_string
from azure.storage.blob import BlobServiceClient

from infra.local.stack import keys
from infra.local.stack.endpoints import PORT_NAMES, Endpoints, as_shell


def endpoints(tmp_path: Path) -> Endpoints:
    return Endpoints(
        {name: 21000 + n for n, name in enumerate(PORT_NAMES)},
        keys.kept_or_made(tmp_path / "keys.json"),
        tmp_path / "telemetry",
    )


def test_keys_are_made_once_and_only_their_owner_may_read_them(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    assert keys.kept_or_made(path) == keys.kept_or_made(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_shell_reads_the_environment_file_as_it_was_meant(tmp_path: Path) -> None:
    expected = {"AZURE_STORAGE_CONNECTION_STRING": "a=b;c='d' $HOME\"", "POSTGRES_PORT": "21000"}
    (tmp_path / "env").write_text(as_shell(expected))
    script = '. "$1"; printf "%s|%s" "$AZURE_STORAGE_CONNECTION_STRING" "$POSTGRES_PORT"'
    said = subprocess.run(
        ["sh", "-c", script, "sh", str(tmp_path / "env")], capture_output=True, text=True, check=True
    )
    assert said.stdout == "|".join(expected.values())


def test_the_sdks_take_the_connection_strings(tmp_path: Path) -> None:
    environment = endpoints(tmp_path).environment()
    bus = parse_connection_string(environment["SERVICEBUS_CONNECTION_STRING"])
    assert bus.endpoint.startswith("sb://localhost:")
    with BlobServiceClient.from_connection_string(environment["AZURE_STORAGE_CONNECTION_STRING"]) as storage:
        assert storage.url == "http://127.0.0.1:21002/devstoreaccount1/"


def test_each_app_connects_to_the_database_with_a_role_of_its_own(tmp_path: Path) -> None:
    ours = endpoints(tmp_path)
    users = {app: ours.app_settings(app)["POSTGRES_USER"] for app in keys.APPS}
    assert users["stac_api"] == "eventstac_stac_api"
    assert len({ours.app_settings(app)["POSTGRES_PASS"] for app in keys.APPS}) == len(keys.APPS)


def test_the_environment_has_every_name_that_the_readme_promises(tmp_path: Path) -> None:
    promised = [
        *(
            "AZURE_STORAGE_CONNECTION_STRING",
            "SERVICEBUS_CONNECTION_STRING",
            "STAC_API_URL",
            "SOURCE_CONTAINER",
        ),
        *("EVENTGRID_TOPIC_ENDPOINT", "EVENTGRID_TOPIC_KEY", "POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DB"),
        *("POSTGRES_USER", "POSTGRES_PASS"),
    ]
    environment = endpoints(tmp_path).environment()
    assert [name for name in promised if not environment.get(name)] == []
