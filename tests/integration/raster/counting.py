"""A proxy before a storage account that notes every request, and how many bytes were answered."""

import http.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request: its method, the blob's range (empty: none was named), the answer's status and size in bytes."""

    method: str
    path: str
    range: str
    status: int
    size: int


@dataclass
class Log:
    """What was asked since the last look at it."""

    port: int
    asked: list[Asked] = field(default_factory=list)

    def take(self) -> list[Asked]:
        """All requests, and forget them."""
        taken, self.asked = self.asked, []
        return taken


@contextmanager
def counting(upstream: int) -> Iterator[Log]:
    """A proxy in front of a port of this machine."""

    class Passing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection = http.client.HTTPConnection("127.0.0.1", upstream, timeout=30)
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            data = answer.read()
            connection.close()
            wanted = self.headers.get("x-ms-range") or self.headers.get("Range") or ""
            log.asked.append(Asked(self.command, self.path, wanted, answer.status, len(data)))
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("connection", "transfer-encoding", "keep-alive", "content-length"):
                    self.send_header(name, value)
            self.send_header("Content-Length", answer.getheader("Content-Length") or str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass  # noqa: N815  (the server's own names)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Passing) as server, ThreadPoolExecutor(1) as pool:
        log = Log(server.server_port)
        pool.submit(server.serve_forever)
        try:
            yield log
        finally:
            server.shutdown()
