"""Blob Batch: many deletions in one multipart request, each an operation of its own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from multidict import CIMultiDict

from infra.local.blob_events.operations import Operation, classify

MAX_BYTES = 4 * 1024 * 1024  # the service's limit for the body of a batch
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """What the storage said to one part of a batch."""

    status: int
    headers: Mapping[str, str]


def operations(body: bytes, content_type: str, account: str) -> dict[str, Operation]:
    """The writes in a batch by Content-ID; parts that change no committed blob are left out."""
    found = {}
    for content_id, lines in _parts(body, content_type):
        method, target, *_ = [*lines[0].split(" "), "", ""]
        operation = classify(method, target, _headers(lines[1:]), account)
        if operation is not None:
            found[content_id] = operation
    return found


def answers(body: bytes, content_type: str) -> dict[str, Answer]:
    """The parts of the response by Content-ID."""
    found = {}
    for content_id, lines in _parts(body, content_type):
        status = re.match(r"HTTP/\d\.\d (\d{3})", lines[0])
        if status:
            found[content_id] = Answer(int(status[1]), _headers(lines[1:]))
    return found


def _parts(body: bytes, content_type: str) -> list[tuple[str, list[str]]]:
    """(Content-ID, lines of the HTTP message inside) of each part; a part without an id counts up, as Azurite does."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        return []
    parts = []
    for index, part in enumerate(
        re.split(rb"--" + re.escape(boundary[1].encode()) + rb"(?:--)?\r?\n?", body)[1:]
    ):
        envelope, _, message = part.replace(b"\r\n", b"\n").partition(b"\n\n")
        lines = message.decode(errors="replace").partition("\n\n")[0].strip("\n").split("\n")
        if lines[0]:
            headers = _headers(envelope.decode(errors="replace").split("\n"))
            parts.append((headers.get("Content-ID", str(index)), lines))
    return parts


def _headers(lines: list[str]) -> CIMultiDict[str]:
    split = (line.partition(":") for line in lines if ":" in line)
    return CIMultiDict((name.strip(), value.strip()) for name, _, value in split)
