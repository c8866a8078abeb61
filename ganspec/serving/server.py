"""The server of the page, on a port of this machine."""

from __future__ import annotations

import errno
import ipaddress
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from ganspec.language.errors import GanspecError

MOST_CONNECTIONS = 64  # open at once; more are refused
FIRST_FREE, LAST = 1024, 65535  # ports that every user may open


class PortError(GanspecError):
    """Raised when the page cannot be served at an address and port."""


class PageServer(uvicorn.Server):
    """A server that logs no requests, and handles no signals, so that Ctrl-C ends the command."""

    @classmethod
    def of(cls, application: Starlette) -> PageServer:
        """Return a server of `application`."""
        return cls(
            uvicorn.Config(
                application,
                lifespan="off",
                ws="none",
                log_level="error",
                access_log=False,
                server_header=False,
                limit_concurrency=MOST_CONNECTIONS,
            )
        )

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Do nothing, in place of uvicorn's method, which would handle Ctrl-C itself."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on `port` of `host`, on a free port if `port` is 0.

    Raises PortError if `host` has no address, or if its port cannot be used.
    """
    try:
        (family, *_, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # UnicodeError: DNS cannot have such a name
        reason = error.strerror if isinstance(error, OSError) else "no such name is possible"
        message = f"no address of `{host}` is known: {reason}; try --host 127.0.0.1"
        raise PortError(message) from None
    listening = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform != "win32":  # on Windows, the option lets two programs share a port
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen()
    except OSError as error:
        listening.close()
        reason = (error.strerror or str(error)).lower()
        other = port + 1 if FIRST_FREE <= port < LAST else 0
        # no port helps if the address is another machine's
        is_foreign = error.errno == errno.EADDRNOTAVAIL
        advice = "--host 127.0.0.1" if is_foreign else f"--port {other}"
        raise PortError(f"port {port} of {host}: {reason}; try {advice}") from None
    return listening


def is_loopback(listening: socket.socket) -> bool:
    """Return True if only this machine can connect to the socket."""
    return ipaddress.ip_address(listening.getsockname()[0]).is_loopback


def address_of(listening: socket.socket) -> str:
    """Return the URL of the page, with this machine's name if other machines can reach the page."""
    host, port, *_ = listening.getsockname()
    if not is_loopback(listening):
        host = socket.gethostname()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def names_of(host: str) -> set[str]:
    """Return the host names, in lower case, that requests for the page at `host` may use."""
    own = socket.gethostname().lower()
    return {host.lower(), own, f"{own}.local"}
