"""Signed addresses of assets, for callers who signed in: `GET /sign?href=`."""

import asyncio
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from eventstac.errors import Transient
from stac_api.answers import services
from stac_api.callers import is_signed_in
from stac_api.errors import BadRequest, NotFound, Unauthorized, Unavailable
from stac_api.query_strings import pairs_of
from stac_api.routing import Endpoint

# Two look-ups by index, then the Item's own hrefs: what is signed is what an Item shows, to the letter. Items that were
# written by hand have no facts, so that nothing in them opens a blob.
_SHOWN = """
SELECT true FROM (
    SELECT collection, item FROM eventstac.public_facts WHERE url = $1
    UNION SELECT collection, item FROM eventstac.public_facts WHERE thumbnail = $1
  ) AS f
  JOIN items i ON i.collection = f.collection AND i.id = f.item
  CROSS JOIN LATERAL jsonb_path_query(i.content, '$.assets.*.href') AS href
WHERE href #>> '{}' = $1 LIMIT 1"""
_LONGEST_HREF = 4_096


class Signer(Protocol):
    """Signs the addresses of one storage account's blobs."""

    def is_ours(self, url: str) -> bool:
        """Whether a URL leads to the account, be it to a blob or not."""

    def sign(self, url: str, lives: timedelta) -> tuple[str, datetime]:
        """A URL to read this blob by until a time, which is given too."""


def sign_with(signer: Signer) -> Endpoint:
    """The endpoint."""

    async def sign(request: Request) -> Response:
        """The href with a signature; as it is where it leads elsewhere."""
        app = services(request)
        if not is_signed_in(request, app.settings.sign_in):
            raise Unauthorized("Sign in: hrefs are signed only for callers who did.")
        href = _href(request)
        if not signer.is_ours(href):
            return _answer(href, None)
        if await app.database.row(_SHOWN, href) is None:
            raise NotFound(
                "No Item that was made from files has an asset with this href; of others none is signed."
            )
        lives = timedelta(seconds=app.settings.sign_s)
        try:
            # It may ask Azure for a key, which must not hold up other requests.
            return _answer(*await asyncio.to_thread(signer.sign, href, lives))
        except Transient as error:
            raise Unavailable("The storage gives no key to sign with; try again shortly.") from error

    return sign


def _href(request: Request) -> str:
    hrefs = [value for name, value in pairs_of(request.scope) if name == "href"]
    if len(hrefs) != 1 or not hrefs[0]:
        raise BadRequest("href", "give one href of an asset")
    if "\0" in hrefs[0] or len(hrefs[0]) > _LONGEST_HREF:
        raise BadRequest("href", f"a null character, or longer than {_LONGEST_HREF}")
    if not _is_absolute(hrefs[0]):
        raise BadRequest("href", "expected the whole address of an asset, such as https://…/image.tif")
    return hrefs[0]


def _is_absolute(href: str) -> bool:
    """Whether it names a scheme and a host."""
    try:
        parts = urlsplit(href)
        return bool(parts.scheme and parts.hostname) and parts.port != 0
    except ValueError:  # of a host or a port that is none
        return False


def _answer(href: str, expires: datetime | None) -> Response:
    shown = {"href": href, "expires": expires.strftime("%Y-%m-%dT%H:%M:%SZ") if expires else None}
    return JSONResponse(shown, headers={"cache-control": "no-store"})
