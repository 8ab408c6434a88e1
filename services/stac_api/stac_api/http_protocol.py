"""HTTP as uvicorn speaks it, with less work for each request.

What an answer costs an API that only wraps bytes is for the most part its server's work. This protocol leaves the fine
print to uvicorn (bodies in parts, pipelines, waiting for slow readers, wrong requests), and is quicker at what nearly
every request is: an answer whose length is known goes out in one piece, a request's app begins at once and not in the
loop's next turn, and one timer watches a connection for all its requests. Half of uvicorn's time (docs/api-speed.md).

uvicorn waits for a request's rest and for a reader of an answer for ever, takes headers of any size, and puts what it
refuses a request with in place of the answers before it. This does none of that.
"""

import asyncio
import fcntl
import socket
import struct
import sys
import termios
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from stac_api.http_exchange import Exchange

_ASGI: Any = {"version": "3.0", "spec_version": "2.3"}
# Bytes; hosts in front let a half of it through, or less. An address may be as long besides.
_MOST_HEADERS = 65_536
REQUEST_S = 60.0  # that a request may take to come, from its connection or its first byte on
_TOO_LARGE = f"The request's headers are too large: at most {_MOST_HEADERS:,} bytes of them are read."
_TOO_LATE = f"The request did not come to its end within {REQUEST_S:.0f} seconds: send it anew."
# From Darwin's <sys/socket.h>, whose sockets do not know TIOCOUTQ; Python has no name for it.
_SO_NWRITE = 0x1024


class LeanProtocol(HttpToolsProtocol):
    """One connection, for `uvicorn.Config(http=LeanProtocol, ws="none")` without limits, root path and access log."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._ready: Exchange | None = None  # its headers are here, and what came with them of its body
        self._running: RequestResponseCycle | None = None
        self._is_idle = False
        self._idle_since = 0.0
        self._may_be_large = False  # the head that comes: to measure it takes time, and most fit one packet
        self._refusal: tuple[int, str] | None = None
        self._last_word: bytes | None = None  # refuses a request, once those before it are answered
        self._reader: asyncio.TimerHandle | None = None  # looks whether an answer is being read
        self._complete: object = None  # the headers of the last request whose head is here
        # Of a request that does not come in one piece: its headers, since when it comes, and bytes of its head so far.
        self._part_of: object = None
        self._part_since = self.loop.time()
        self._part_bytes = 0
        self._body_came = False
        self._first_s = max(REQUEST_S, self.timeout_keep_alive)  # for a connection's first request
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there, and should say something."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # we hear of all that is not taken at once
        self._patience = self.loop.call_later(self._first_s, self._lose_patience)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let everything go that waits for this connection."""
        super().connection_lost(exc)
        if (running := self._running) is not None and not running.response_complete:
            running.disconnected = True  # uvicorn tells it to the last request only, of several sent at once
            running.message_event.set()
        super()._unset_keepalive_if_required()
        if self._patience is not None:
            self._patience.cancel()
        self._stop_watching()

    def data_received(self, data: bytes) -> None:
        """Read what came, and begin with the request that is complete enough to be begun with."""
        if self._last_word is not None:
            return
        self._is_idle = False
        if len(data) > _MOST_HEADERS:
            self._may_be_large = True
        super().data_received(data)
        ready, self._ready = self._ready, None
        if ready is None:
            self._await_rest(len(data))
        elif not self.transport.is_closing():
            self._may_be_large = False
            self._begin(ready)
            if self.cycle.more_body or self._complete is not self.headers:
                self._await_rest()  # of that one, or of the last that came with it

    def on_message_begin(self) -> None:
        """A request comes."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header comes; what follows a body is none of the request's."""
        if self._complete is not self.headers:
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        """A part of its body comes."""
        self._body_came = True
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """Its headers are here: what is known of it is written down for the app."""
        if self._may_be_large:
            self._measure()
        parser = self.parser
        version = parser.get_http_version()
        url = httptools.parse_url(self.url)
        raw_path = url.path
        path = raw_path.decode("ascii")
        self.scope = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme or "http",
            "method": parser.get_method().decode("ascii"),
            "root_path": "",
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": url.query or b"",
            "headers": self.headers,
            "state": {},
        }
        before = self.cycle
        cycle = Exchange(self, self.scope, keep_alive=version != "1.0" and parser.should_keep_alive())
        self.cycle, self._complete = cycle, self.headers
        if before is None or before.response_complete:
            self._ready = cycle
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def on_message_complete(self) -> None:
        """Its body is here, too."""
        cycle = self.cycle
        cycle.more_body = False
        if not cycle.response_complete:
            cycle.message_event.set()

    def on_response_complete(self) -> None:
        """The next request may begin, or the connection may be closed after a while."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            # not at once: the next answer may be complete within this call, and thousands of them one within the other
            self._running, app = self.pipeline.pop()
            self._start_asgi_task(self._running, app)
        elif self._last_word is not None:
            self._close_with(self._last_word)
        else:
            self._rest()

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong with the request that came; as uvicorn does, where it is not what we refuse."""
        status, sentence = self._refusal or (400, msg)
        self._refuse(status, sentence)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection on which nothing was asked for too long."""
        self.timeout_keep_alive_task = None
        if not self._is_idle or self.transport.is_closing():
            return  # the next answer's end sets the timer again
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_later(left)
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        """A client does not read as fast as we write."""
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        """It has all of it."""
        super().resume_writing()
        self._stop_watching()

    def _watch_reader(self, left_before: int = -1) -> None:
        """Let a client go that has read nothing for a while: closing alone would wait until it has all."""
        left = self.transport.get_write_buffer_size() + _in_kernel(self.transport)
        if left == left_before:
            self.transport.abort()
        else:
            self._reader = self.loop.call_later(REQUEST_S, self._watch_reader, left)

    def _stop_watching(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def _rest(self) -> None:
        """All that came is answered; the rest of a request is waited for with more patience."""
        self._is_idle, self._idle_since = self._complete is self.headers, self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_later(self.timeout_keep_alive)

    def _is_in_head(self) -> bool:
        return self._complete is not self.headers or self.headers is None

    def _await_rest(self, came: int = 0) -> None:
        """What came was not one request as a whole, but mostly a part of one."""
        if self.transport.is_closing():
            return
        cycle, in_head = self.cycle, self._is_in_head()
        if not in_head and not cycle.more_body:
            if cycle.response_complete and not self.pipeline:
                self._rest()  # that was the end of a body which the app did not wait for
            return
        self._may_be_large = in_head
        if self._part_of is not self.headers:  # what came may be an end of the one before, too
            self._part_of, self._part_since, self._part_bytes = self.headers, self.loop.time(), 0
        elif self._body_came:
            self._part_bytes = 0
        else:  # of a head, or of what follows a body
            self._part_bytes += came
            if self._part_bytes > 2 * _MOST_HEADERS:
                self._give_up(431, _TOO_LARGE)
                return
        self._body_came = False
        if self._patience is None:
            self._patience = self.loop.call_later(REQUEST_S, self._lose_patience)

    def _lose_patience(self) -> None:
        """Give up a request whose rest does not come, or a connection on which none ever began."""
        self._patience = None
        cycle, in_head = self.cycle, self._is_in_head()
        if self.transport.is_closing() or not (in_head or cycle.more_body):
            return  # the next part of one sets the timer again
        waits_for_us = self.flow.read_paused or (
            cycle is not None and not cycle.response_complete and (in_head or cycle is not self._running)
        )
        if waits_for_us or self._part_of is not self.headers:
            self._part_of, self._part_since = self.headers, self.loop.time()
        left = self._part_since + (self._first_s if self.headers is None else REQUEST_S) - self.loop.time()
        if left > 0:
            self._patience = self.loop.call_later(left, self._lose_patience)
        else:
            self._give_up(408, _TOO_LATE)

    def _measure(self) -> None:
        """Refuse headers that are too large: what is raised here ends up at `send_400_response`."""
        if sum(len(name) + len(value) + 4 for name, value in self.headers) > _MOST_HEADERS:
            self._refusal = 431, _TOO_LARGE
            raise ValueError(_TOO_LARGE)

    def _give_up(self, status: int, sentence: str) -> None:
        """Say why, unless nothing was asked."""
        if self.headers is None:
            self.transport.close()
        else:
            self._refuse(status, sentence)

    def _refuse(self, status: int, sentence: str) -> None:
        """Answer what came last so when it is its turn, unless its answer has begun; and nothing after it."""
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(sentence)),
            (b"connection", b"close"),
        ]
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        answer = b"%b%b\r\n%b" % (STATUS_LINE[status], lines, sentence.encode())
        cycle = self.cycle
        if self._is_in_head():
            if cycle is None or cycle.response_complete:
                self._close_with(answer)
            else:
                self._last_word = answer
        elif self.pipeline:
            self.pipeline.popleft()
            self._last_word = answer
        elif cycle.response_started:
            self.transport.close()
        else:
            self._close_with(answer)

    def _close_with(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.transport.close()

    def _look_later(self, after_s: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(after_s, self.timeout_keep_alive_handler)

    def _unset_keepalive_if_required(self) -> None:
        """Nothing: the timer finds out by itself what happened meanwhile."""

    def _begin(self, cycle: Exchange) -> None:
        """Run the app as far as it comes by itself; only what then waits for something is a task of the loop."""
        self._running = cycle
        task = asyncio.Task(cycle.run_asgi(self.app), loop=self.loop, eager_start=True)
        if not task.done():
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)


def _in_kernel(transport: asyncio.WriteTransport) -> int:
    """Bytes that the system took of us and the client has not taken yet: it asks for more after megabytes only, which a
    slow reader takes minutes for. 0 where the system does not say it.
    """
    served = transport.get_extra_info("socket")
    try:
        if sys.platform == "darwin":
            return int(served.getsockopt(socket.SOL_SOCKET, _SO_NWRITE))
        return int(struct.unpack("i", fcntl.ioctl(served.fileno(), termios.TIOCOUTQ, bytes(4)))[0])
    except OSError:
        return 0
