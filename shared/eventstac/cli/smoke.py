"""`eventstac smoke`: one tiny raster through the whole system, and out again."""

import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import pystac
import typer

from eventstac.azure.api_token import api_token
from eventstac.azure.blob_storage import BlobStorage
from eventstac.blob_urls import BlobName, canonical_url
from eventstac.cli.console import counted, open_console, say
from eventstac.cli.entry import INTERRUPTED
from eventstac.cli.leftovers import PREFIX, delete_leftovers
from eventstac.cli.ports import Ports, now
from eventstac.cli.stac_reader import StacReader
from eventstac.cli.tiny_raster import BBOX, tiny_geotiff
from eventstac.cli.where import gather
from eventstac.errors import EventstacError, Rejected, Transient
from eventstac.facts import Match
from eventstac.settings import Environment
from eventstac.validation import validate_item
from eventstac.whereabouts import whereabouts

PATH = f"{PREFIX}{{id}}.tif"
CONTAINER = "smoke"  # unless SMOKE_CONTAINER says which the templates made, so that nobody need write among the rasters
_POLL_S = 0.5
_ASK_WHERE_S = 5.0  # `where` peeks into every subscription: not at each poll
_BBOX_TOLERANCE = 1e-6  # degrees


class SmokeFailed(EventstacError):
    """The system did not do with the raster what it is for."""


def smoke(
    container: Annotated[
        str | None,
        typer.Option(
            help="A source container; else SMOKE_CONTAINER (`smoke`) if that is one, else the first."
        ),
    ] = None,
    path: Annotated[
        str, typer.Option(help="Where to upload, if your rules need another place; {id} becomes unique.")
    ] = PATH,
    deadline: Annotated[
        float,
        typer.Option(min=1, help="Seconds until the Item must be there, and again until it must be gone."),
    ] = 180,
) -> None:
    """Upload a tiny GeoTIFF, wait for its Item in the STAC API, check it, delete the blob, wait till the Item is gone.

    Needs STAC_API_URL (and STAC_API_SCOPE, such as api://CLIENT_ID/.default, where readers sign in) beside what
    `eventstac where` needs. Whatever happens, Ctrl-C too, the blob is deleted, and its Item goes with it; what a killed
    run left is deleted by the next one, a day later.

    Exit code 0: all of it worked. 1: it did not; where the file is and why is said. 130: it was interrupted.
    """
    if "{id}" not in path:
        raise typer.BadParameter(f"{path} has no {{id}}: an upload must not overwrite anything")
    readers: list[StacReader] = []
    own: list[str] = []

    def also(env: Environment) -> None:
        readers.append(StacReader.read(env, api_token))
        own.append(env.text("SMOKE_CONTAINER", CONTAINER))

    ports = Ports.read("smoke", os.environ, also=also)
    (api,), (usual,) = readers, own
    storage = ports.storage()
    unique = f"{now():%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    chosen = chosen_container(container, usual, ports.names.source)
    url = BlobName(storage.account_url, chosen, path.replace("{id}", unique)).url
    ports.watched(storage).source(url)
    if path == PATH and (left := delete_leftovers(storage, f"{storage.account_url}/{chosen}", now())):
        say(f"deleted {counted(left, 'raster')} of smoke tests that were killed")
    test = SmokeTest(url, _match(ports, url), storage, api, lambda: _where(ports, url), deadline)
    try:
        with _terminated_as_interrupted():
            worked = test.run()
    except KeyboardInterrupt:
        test.say("interrupted")
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(0 if worked else 1)


def chosen_container(asked: str | None, usual: str, sources: Sequence[str]) -> str:
    """Where to upload: what was asked for, else the smoke test's own container, else the first that is watched."""
    if asked is not None and asked not in sources:
        raise Rejected(
            "undeclared-container",
            f"{asked!r} is no source container: SOURCE_CONTAINERS has {', '.join(sources)}; --path says where in it",
        )
    return asked or (usual if usual in sources else sources[0])


@dataclass
class SmokeTest:
    """One raster's way through the system; `where` says in a sentence how far it is."""

    url: str
    match: Match
    storage: BlobStorage
    api: StacReader
    where: Callable[[], str]
    deadline_s: float

    def __post_init__(self) -> None:
        self._console = open_console()
        self._began = time.monotonic()
        self._item = (self.match.collection, self.match.item)
        self._name = f"Item {self.match.item} of collection {self.match.collection}"

    def say(self, sentence: str, style: str = "") -> None:
        """Print what happened, with the seconds since the beginning."""
        self._console.print(f"{time.monotonic() - self._began:6.1f} s  {sentence}", style=style)

    def run(self) -> bool:
        """All of it; whether it worked. What did not is said at once, and the blob is deleted in any case."""
        if not self._works(self._answers):
            return False
        worked = False
        try:
            worked = self._works(self._appears)
        finally:
            worked = self._works(self._disappears) and worked
        if worked:
            self.say("the system works", "green")
        return worked

    def _works(self, step: Callable[[], None]) -> bool:
        try:
            step()
        except EventstacError as error:
            self.say(f"failed: {error}", "red")
            return False
        return True

    def _answers(self) -> None:
        def answers() -> bool:
            self.api.check()
            return True

        self._wait(answers, f"the STAC API at {self.api.root} to answer", ask_where=False)

    def _appears(self) -> None:
        content = tiny_geotiff(self.url.rpartition("/")[2], now())

        def is_taken() -> bool:
            return bool(self.storage.put(self.url, content, "image/tiff"))

        # Rights that were just given are known to the storage some minutes later.
        self._wait(is_taken, "the storage to take the blob", ask_where=False)
        self.say(f"uploaded {self.url}")
        self._wait(
            lambda: self.api.item(*self._item) is not None and self.api.is_found(*self._item),
            f"{self._name} to be searchable",
        )
        item = self.api.item(*self._item) or {}
        problems = [str(problem) for problem in validate_item(item)] or list(
            _wrong(item, self.url, self._item)
        )
        if problems:
            raise SmokeFailed(f"{self._name} is there, and wrong: {'; '.join(problems)}")
        self.say(f"{self._name} is searchable and valid")

    def _disappears(self) -> None:
        with _undisturbed():
            self._delete()
        try:
            shown = self.api.item(*self._item) is not None
        except EventstacError as error:
            raise SmokeFailed(f"whether {self._name} is gone cannot be told: {error}") from error
        if not shown:  # and if it is on its way, that way ends with a look that finds nothing
            return
        self._wait(
            lambda: self.api.item(*self._item) is None and not self.api.is_found(*self._item),
            f"{self._name} to be gone",
        )
        self.say(f"{self._name} is gone")

    def _delete(self) -> None:
        try:
            look, _ = self.storage.look(self.url)
            if look.state == "present":
                self.storage.delete(self.url, look.etag or "")
                self.say("deleted the blob")
        except EventstacError as error:
            raise SmokeFailed(f"{self.url} may be left behind, delete it by hand: {error}") from error

    def _wait(self, probe: Callable[[], bool], what: str, *, ask_where: bool = True) -> None:
        """Until `probe` holds; SmokeFailed after the deadline, with the last trouble and where the blob is."""
        self.say(f"waiting for {what}")
        end = time.monotonic() + self.deadline_s
        ask_at, told = time.monotonic() + _ASK_WHERE_S, ""
        while True:
            trouble = ""
            try:
                if probe():
                    return
            except Transient as error:
                trouble = error.detail
            if time.monotonic() > end:
                why = [trouble] if trouble else []
                why += [self.where()] if ask_where else []
                raise SmokeFailed(f"waited {self.deadline_s:.0f} s in vain for {what}. {'. '.join(why)}")
            if time.monotonic() > ask_at:
                said = trouble or (self.where() if ask_where else "")
                if said and said != told:
                    self.say(said)
                told, ask_at = said, time.monotonic() + _ASK_WHERE_S
            time.sleep(_POLL_S)


def _match(ports: Ports, url: str) -> Match:
    """What the rules in force make of the blob; SmokeFailed where they make nothing of it."""
    with ports.connection() as connection:
        explanation = ports.rules(connection).rules.explain(url)
    if explanation.match is None:
        raise SmokeFailed(
            f"{url} would become no Item, so nothing was uploaded; name another --path: {explanation}"
        )
    return explanation.match


def _where(ports: Ports, url: str) -> str:
    """What `eventstac where` says of it, as one sentence."""
    try:
        found = whereabouts(gather(ports, url))
    except EventstacError as error:
        return f"where the blob is cannot be told: {error}"
    return f"{found.text}: {found.why}"


def _wrong(document: dict[str, Any], url: str, key: tuple[str, str]) -> Iterator[str]:
    """What of an Item is not as a client would need it, read with pystac."""
    try:
        item = pystac.Item.from_dict(document)
    except (pystac.STACError, KeyError, TypeError, ValueError) as error:
        yield f"pystac cannot read it: {error}"
        return
    if (item.collection_id, item.id) != key:
        yield f"it says that it is {item.collection_id}/{item.id}"
    if url not in {_canonical(asset.href) for asset in item.assets.values()}:
        yield f"none of its assets is {url}"
    west_south_east_north = item.bbox or ()
    if len(west_south_east_north) != len(BBOX) or any(
        abs(there - wanted) > _BBOX_TOLERANCE
        for there, wanted in zip(west_south_east_north, BBOX, strict=True)
    ):
        yield f"its bbox is {item.bbox}, not {list(BBOX)}"


def _canonical(href: str) -> str:
    try:
        return canonical_url(href)
    except Rejected:
        return href


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """A polite kill is as good as Ctrl-C."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Nobody who is impatient keeps the blob from being deleted."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
