"""One spelling for a blob's URL and for an ETag, whatever the source wrote."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from eventstac.errors import Rejected
from eventstac.url_secrets import told_url

# Characters that a blob name keeps as they are in the canonical URL: RFC 3986's unreserved, and the slash.
_SAFE = "/-._~"

_ZONE = re.compile(r"z\d+")  # of an account with an endpoint in a DNS zone

# Where accounts of Azure are: one answers by https, whatever a URL says.
_AZURE = (".core.windows.net", ".storage.azure.net", ".core.chinacloudapi.cn", ".core.usgovcloudapi.net")

_DOTS = frozenset({".", ".."})


@dataclass(frozen=True)
class BlobName:
    """The parts of a canonical blob URL. `account_url` has no trailing slash; `path` is decoded.

    A backslash in a path is a slash, as the storage keeps it: it is the same blob.
    """

    account_url: str
    container: str
    path: str

    def __post_init__(self) -> None:
        if "\\" in self.path:
            object.__setattr__(self, "path", with_slashes(self.path))

    @property
    def url(self) -> str:
        """The canonical URL again."""
        return f"{self.account_url}/{self.container}/{quote(self.path, safe=_SAFE)}"

    @property
    def container_url(self) -> str:
        """The URL of the container that holds the blob."""
        return f"{self.account_url}/{self.container}"

    @property
    def is_addressable(self) -> bool:
        """Whether a URL can name the blob: HTTP clients resolve "." and ".." segments before they ask."""
        return _DOTS.isdisjoint(self.path.split("/"))


def with_slashes(path: str) -> str:
    """A path, or what one begins with, as the storage keeps it."""
    return path.replace("\\", "/")


def parse(url: str) -> BlobName:
    """Take a blob URL from anywhere (event, listing, header, SAS URL, dfs endpoint) apart.

    Lower-case host, blob endpoint (for `dfs`, private links and the secondary, too), https on Azure,
    default ports dropped, percent-encoding undone once, backslashes made slashes, query and fragment dropped.
    A path-style account (an IP address or localhost as host: Azurite, emulators) is part of `account_url`.
    Raises Rejected `bad-url` for what is no blob URL, and for a path with "." or ".." segments: HTTP clients resolve
    them, so that such a URL would be read in another place, or another container, than the one it seems to name.
    """
    account_url, segments = _account(url)
    if len(segments) < 2 or not segments[0] or not any(segments[1:]):
        raise Rejected("bad-url", f"{told_url(url)!r} names no blob: expected …/CONTAINER/PATH")
    path = unquote("/".join(segments[1:]), errors="strict") if _decodes(segments) else "/".join(segments[1:])
    name = BlobName(account_url, unquote(segments[0]).lower(), path)
    if not name.is_addressable:
        raise Rejected(
            "bad-url", f"{told_url(url)!r} has a segment '.' or '..': write the blob's path without it"
        )
    return name


def account_of(url: str) -> str:
    """The `account_url` that a URL leads to, whether a blob is there or not.

    Raises Rejected `bad-url` for what is no http(s) URL.
    """
    return _account(url)[0]


def _account(url: str) -> tuple[str, list[str]]:
    """An account's URL, and the segments of the path below it as they are written."""
    try:
        url.encode()
        parts = urlsplit(with_slashes(url.strip()))  # as browsers read a URL
        port = parts.port
    except ValueError as error:
        why = re.sub(r"'[^']*@", "'", str(error))  # it may quote who logs in
        raise Rejected("bad-url", f"{told_url(url)!r} is no URL: {why}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Rejected("bad-url", f"{told_url(url)!r} is not an http(s) URL of a blob")
    host = parts.hostname.lower()
    segments = parts.path.lstrip("/").split("/")
    prefix = ""
    if _is_path_style(host):
        prefix, segments = "/" + unquote(segments[0]), segments[1:]
    host = f"[{host}]" if ":" in host else _blob_endpoint(host)
    if port is not None and port != {"http": 80, "https": 443}[parts.scheme]:
        host = f"{host}:{port}"
    scheme = "https" if host.endswith(_AZURE) else parts.scheme
    return f"{scheme}://{host}{prefix}", segments


def canonical_url(url: str) -> str:
    """The one URL by which a blob is known everywhere in eventstac."""
    return parse(url).url


def canonical_etag(etag: str | None) -> str:
    """An ETag without quotes and weak marker, as facts keep it; empty for none."""
    if etag is None:
        return ""
    return etag.strip().removeprefix("W/").strip('"')


def _is_path_style(host: str) -> bool:
    return host == "localhost" or host.replace(".", "").isdigit() or ":" in host


def _blob_endpoint(host: str) -> str:
    """Map any endpoint of an account to its blob endpoint: Data Lake's, private links, the secondary, DNS zones."""
    account, *rest = host.rstrip(".").split(".")
    at = next((at for at, label in enumerate(rest) if label in ("blob", "dfs")), None)
    if at is None or not all(label == "privatelink" or _ZONE.fullmatch(label) for label in rest[:at]):
        return host
    zone = [label for label in rest[:at] if label != "privatelink"]
    return ".".join([account.removesuffix("-secondary"), *zone, "blob", *rest[at + 1 :]])


def _decodes(segments: list[str]) -> bool:
    try:
        unquote("/".join(segments), errors="strict")
    except UnicodeDecodeError:
        return False
    return True
