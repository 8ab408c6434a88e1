"""Reading as a managed identity: tokens from an identity endpoint as App Service has it, against Azurite's OAuth.

Azurite checks a token's audience, issuer and expiry, not its signature; it speaks OAuth only over TLS.
"""

import base64
import datetime
import ipaddress
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from eventstac.azure.blob_service import open_blob_service
from eventstac.azure.blob_storage import BlobStorage
from eventstac.errors import Transient
from eventstac.raster.extract import read_raster
from infra.local.azurite.server import ACCOUNT, ACCOUNT_KEY, Command, free_port, stop
from tests.unit.raster.corpus import gradient, tiff

DEADLINE_S = 60.0
SECRET = "the-host-gave-this-to-the-app"


def certificates(folder: Path) -> tuple[Path, Path, Path]:
    """An authority's certificate, one for 127.0.0.1 that it signed, and that one's key."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "an authority of the tests")])
    server = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    ca_file, cert_file, key_file = folder / "ca.pem", folder / "cert.pem", folder / "key.pem"
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    may_sign = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    for name, public, extensions, file in (
        (authority, authority_key.public_key(), [x509.BasicConstraints(True, None), may_sign], ca_file),
        (server, key.public_key(), [address], cert_file),
    ):
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(authority)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + day)
        )
        by = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
        for extension in (*extensions, by, x509.SubjectKeyIdentifier.from_public_key(public)):
            critical = isinstance(extension, x509.BasicConstraints | x509.KeyUsage)
            builder = builder.add_extension(extension, critical=critical)
        signed = builder.sign(authority_key, hashes.SHA256())
        file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return ca_file, cert_file, key_file


class IdentityEndpoint(ThreadingHTTPServer):
    """Gives tokens that hold for `lifetime_s`; counts them."""

    def __init__(self, lifetime_s: int) -> None:
        super().__init__(("127.0.0.1", 0), Tokens)
        self.lifetime_s = lifetime_s
        self.given: list[str] = []
        self.resources: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/msi/token"


class Tokens(BaseHTTPRequestHandler):
    """What the host of an app answers at IDENTITY_ENDPOINT."""

    server: IdentityEndpoint

    def do_GET(self) -> None:
        if self.headers.get("X-IDENTITY-HEADER") != SECRET:
            self.send_error(403)
            return
        resource = parse_qs(urlsplit(self.path).query)["resource"][0]
        self.server.resources.add(resource)
        expires = int(time.time()) + self.server.lifetime_s
        token = unsigned_token(expires, str(len(self.server.given)))
        self.server.given.append(token)
        body = json.dumps(
            {
                "access_token": token,
                "expires_on": str(expires),
                "resource": resource,
                "token_type": "Bearer",
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: the test looks at what was given."""


def unsigned_token(expires: int, number: str) -> str:
    """A JWT as Entra ID gives one for storage, with a signature that nobody checks."""
    claims = {
        "aud": "https://storage.azure.com",
        "iss": "https://sts.windows.net/00000000-0000-0000-0000-000000000000/",
        "iat": expires - 3600,
        "nbf": expires - 3600,
        "exp": expires,
        "jti": number,
    }
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*texts, base64.urlsafe_b64encode(b"signature").rstrip(b"=").decode()])


@pytest.fixture(scope="module")
def storage_over_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Azurite's blob endpoint with OAuth, holding source/a.tif, and the authority to trust."""
    folder = tmp_path_factory.mktemp("azurite-tls")
    ca, cert, key = certificates(folder)
    options = ["--oauth", "basic", "--cert", str(cert), "--key", str(key)]
    for _ in range(3):  # another program may take the port before Azurite does, which ends then
        port = free_port()
        argv = [*Command(folder / "blobs", port).argv(), *options]
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        if answers_over_tls(port, ca, process):
            break
    try:
        assert process.poll() is None, "Azurite does not start"
        url = f"https://127.0.0.1:{port}/{ACCOUNT}"
        with BlobServiceClient(url, credential=ACCOUNT_KEY, connection_verify=str(ca)) as service:
            container = service.create_container("source")
            container.upload_blob("a.tif", tiff(gradient(900, 900)))  # more than its head
        yield url, ca
    finally:
        stop(process)


def answers_over_tls(port: int, cert: Path, process: "subprocess.Popen[bytes]") -> bool:
    """Whether Azurite does, and not only after the time that it may take; else it has ended."""
    context = ssl.create_default_context(cafile=str(cert))
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            with (
                socket.create_connection(("127.0.0.1", port), 2) as plain,
                context.wrap_socket(plain, server_hostname="127.0.0.1"),
            ):
                return True
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                stop(process)
                return False
            time.sleep(0.05)
            time.sleep(0.05)


@pytest.fixture
def identity(
    monkeypatch: pytest.MonkeyPatch, storage_over_tls: tuple[str, Path]
) -> Iterator[IdentityEndpoint]:
    """An app's environment with a managed identity, whose tokens hold for five seconds."""
    endpoint = IdentityEndpoint(lifetime_s=5)
    serving = threading.Thread(target=endpoint.serve_forever, daemon=True)
    serving.start()
    monkeypatch.setenv("IDENTITY_ENDPOINT", endpoint.url)
    monkeypatch.setenv("IDENTITY_HEADER", SECRET)
    trust(monkeypatch, storage_over_tls[1])
    for name in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"):
        monkeypatch.delenv(name, raising=False)
    yield endpoint
    endpoint.shutdown()
    endpoint.server_close()
    serving.join()


def trust(monkeypatch: pytest.MonkeyPatch, authority: Path) -> None:
    """As docs/deploy.md says it of a private authority: one variable for the SDK, one for obstore."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))


def read_once(storage: BlobStorage) -> dict[str, Any]:
    _, reader = storage.look(f"{storage.account_url}/source/a.tif")
    assert reader is not None
    return read_raster(reader, {}, thumbnail=False).metadata


def test_a_managed_identitys_token_is_renewed_in_the_middle_of_a_run(
    identity: IdentityEndpoint, storage_over_tls: tuple[str, Path]
) -> None:
    with open_blob_service({"BlobStorage__blobServiceUri": storage_over_tls[0]}) as service:
        storage = BlobStorage(service)
        _, reader = storage.look(f"{storage.account_url}/source/a.tif")
        assert reader is not None
        first = read_raster(reader, {}, thumbnail=False).metadata
        outlived = time.time() + identity.lifetime_s + 1  # by then the first token is refused
        while time.time() < outlived:
            assert read_raster(reader, {}, thumbnail=False).metadata == first
    assert len(set(identity.given)) > 1
    assert {resource.rstrip("/") for resource in identity.resources} == {"https://storage.azure.com"}


def test_an_expired_token_is_a_transient_refusal_and_says_nothing_of_the_blob(
    identity: IdentityEndpoint, storage_over_tls: tuple[str, Path]
) -> None:
    identity.lifetime_s = -10
    with open_blob_service({"BlobStorage__blobServiceUri": storage_over_tls[0]}) as service:
        storage = BlobStorage(service)
        with pytest.raises(Transient):
            read_once(storage)
        identity.lifetime_s = 302
        assert read_once(storage)["bbox"]


def test_a_sas_in_the_connection_string_reads(
    storage_over_tls: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(monkeypatch, storage_over_tls[1])
    sas = generate_container_sas(
        ACCOUNT,
        "source",
        ACCOUNT_KEY,
        permission=ContainerSasPermissions(read=True),
        expiry=datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1),
    )
    text = f"BlobEndpoint={storage_over_tls[0]};SharedAccessSignature={sas}"
    with open_blob_service({"BlobStorage": text}) as service:
        assert read_once(BlobStorage(service))["bbox"]
