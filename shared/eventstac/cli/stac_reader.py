"""Asks a STAC API for one Item, as any client would."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from eventstac.errors import EventstacError, Transient
from eventstac.settings import Environment

_TIMEOUT_S = 30  # an app that starts from nothing takes its time for the first request
_NOT_HERE, _NO_ENTRY = 404, (401, 403)


class ApiRefuses(EventstacError):
    """The address is no STAC API, or one that wants another caller: asking again does not help."""


@dataclass(frozen=True)
class StacReader:
    """Reads from the API at `root`; `token` gives the bearer token where readers have to sign in."""

    root: str
    token: Callable[[], str] | None = None

    @classmethod
    def read(cls, env: Environment, token_for: Callable[[str], Callable[[], str]]) -> "StacReader":
        """Read STAC_API_URL, and STAC_API_SCOPE where readers sign in (`api://CLIENT_ID/.default`)."""
        root = env.text("STAC_API_URL").rstrip("/")
        if root and (urlsplit(root).scheme not in ("http", "https") or not urlsplit(root).netloc):
            env.wrong(f"STAC_API_URL must be an http(s) address, not {root!r}")
        scope = env.optional("STAC_API_SCOPE")
        return cls(root, token_for(scope) if scope else None)

    def check(self) -> None:
        """That a STAC API answers there: ApiRefuses where something else does, Transient where nothing does."""
        document = self._ask("/")
        if document is None or "stac_version" not in document:
            raise ApiRefuses(f"{self.root} answers, but not as a STAC API does: is STAC_API_URL right?")

    def item(self, collection: str, item: str) -> dict[str, Any] | None:
        """The Item, None where the API shows none. Errors as `check`."""
        return self._ask(f"/collections/{quote(collection)}/items/{quote(item)}")

    def is_found(self, collection: str, item: str) -> bool:
        """Whether a search finds the Item. Errors as `check`."""
        found = self._ask("/search", {"collections": [collection], "ids": [item], "limit": 1})
        return bool(found and found.get("features"))

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        url = self.root + path
        headers = {"Accept": "application/geo+json, application/json", "Cache-Control": "no-cache"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self.token:
            headers["Authorization"] = f"Bearer {self.token()}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, headers)  # noqa: S310  # http(s), as `read` saw to
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                document = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                self._refused(url, error.code)
                return None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise Transient(f"{url} does not answer as it should: {reason}") from error
        return document if isinstance(document, dict) else None

    def _refused(self, url: str, status: int) -> None:
        """ApiRefuses or Transient, unless it is only not there."""
        if status in _NO_ENTRY:
            how = "the token is not taken" if self.token else "set STAC_API_SCOPE to sign in"
            raise ApiRefuses(f"{url} answers {status}: {how}")
        if status != _NOT_HERE:
            raise Transient(f"{url} answers {status}")
