"""The broker as a running server: the AMQP port, the status port, an orderly stop."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from infra.local.servicebus.amqp.connection import Connection
from infra.local.servicebus.broker import Broker
from infra.local.servicebus.links import factory
from infra.local.servicebus.sas import Keys
from infra.local.servicebus.status import StatusServer
from infra.local.servicebus.topology import Topology

KEY_NAME = "RootManageSharedAccessKey"


@dataclass(frozen=True)
class Options:
    """What a server is started with; a port of 0 lets the system choose, a status port of None means none."""

    topology: Topology
    data: Path
    key: str
    port: int = 0
    status_port: int | None = None
    tier: str = "standard"
    survive_power_loss: bool = False
    max_message_mb: int = 1


class Server:
    """One running broker; `start` returns once it listens."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._live: set[Connection] = set()
        self._status: StatusServer | None = None
        self._broker: Broker
        self._listener: asyncio.Server

    async def start(self) -> None:
        """Load the data directory and listen on loopback. Raises StoreError, OSError."""
        options = self._options
        loop = asyncio.get_running_loop()
        self._broker = Broker(
            options.topology,
            options.data,
            options.tier,
            loop,
            survive_power_loss=options.survive_power_loss,
            max_message_mb=options.max_message_mb,
        )
        links = factory(self._broker, Keys(KEY_NAME, options.key))
        self._listener = await loop.create_server(
            lambda: Connection(links, self._live), "127.0.0.1", options.port, backlog=1024
        )
        if options.status_port is not None:
            self._status = StatusServer(self._broker)
            await self._status.start(options.status_port)

    @property
    def port(self) -> int:
        """The AMQP port."""
        return int(self._listener.sockets[0].getsockname()[1])

    @property
    def status_port(self) -> int | None:
        """The status port, if there is one."""
        return None if self._status is None else self._status.port

    async def stop(self) -> None:
        """Tell every client, commit what was taken, close the files."""
        self._listener.close()
        if self._status is not None:
            await self._status.stop()
        self._broker.store.flush()
        await asyncio.sleep(0)  # what was just committed is acknowledged before the connections close
        for connection in list(self._live):
            connection.shut()
        self._broker.close()
