"""The web application: a page, and requests for images that the page sends."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ganspec.language.errors import GanspecError, is_out_of_memory, one_line
from ganspec.report.page import page
from ganspec.serving.painter import Painter
from ganspec.serving.requests import (
    MOST_FAVOURITES,
    MOST_FRAMES_OF_A_PATH,
    FavouritesRequest,
    ImagesRequest,
    PageRequest,
    PathRequest,
    parse,
)

MOST_BYTES = 1 << 22  # of a request's body; a longer one is refused
MOST_WAITING = 4  # requests that wait while another is answered; more are refused
SECONDS_TO_SEND = 10  # longest time until a request's body has arrived
TILE = 72  # rough width, in pixels, of an enlarged image; the factor is a whole number
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",  # the rest is in the page's HTML
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """A middleware that refuses requests of other sites, and adds HEADERS to every answer.

    A page of another site may send requests to this machine. The browser then names that site as
    the `Origin`, or as the `Host` if the site's name leads here (DNS rebinding). An IP address
    cannot be rebound. `names` are the names of this machine that a request may have as its `Host`,
    besides IP addresses and localhost.
    """

    def __init__(self, application: ASGIApp, names: Collection[str]):
        self.application, self.names = application, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not is_own(host, self.names):
            reason = "this name is not one of this machine's: open its IP address, or localhost"
        elif origin is not None and origin.partition("://")[2] != host:
            reason = "requests of other sites are refused: open the page itself"
        else:
            reason = ""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        answer = refusal(403, reason) if reason else self.application
        await answer(scope, receive, send_with_headers)


def is_own(host: str, names: Collection[str]) -> bool:
    """Return True if `host`, with or without a port, is an IP address, localhost or in `names`."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost" or name in names
    return True


class Turn:
    """A lock that lets one request at a time draw, while up to MOST_WAITING others wait."""

    def __init__(self) -> None:
        self.lock, self.waiting = asyncio.Lock(), 0

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Wait for the lock, and hold it in the block. Raises HTTPException if too many wait."""
        if self.waiting >= MOST_WAITING:
            raise HTTPException(503, "images of other requests are being drawn: try again")
        self.waiting += 1
        try:
            await self.lock.acquire()
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self.lock.release()


def application(painter: Painter, names: Collection[str] = ()) -> Starlette:
    """Return the web application of a run's page.

    `names` are the names of this machine by which browsers may ask for the page, besides its
    addresses and localhost.
    """
    turn, html = Turn(), page_html(painter)

    async def index(request: Request) -> Response:
        return HTMLResponse(html)

    def drawn(model: type[PageRequest], draw: Callable[[Any], object]) -> Callable:
        """Return an endpoint that parses a request as `model` and answers with `draw` of it.

        If `draw` returns bytes, these are the answer; anything else is sent as JSON.
        """

        async def answer(request: Request) -> Response:
            parsed = parse(model, await body(request))
            async with turn.taken():
                if await request.is_disconnected():
                    return Response()
                result = await run_in_threadpool(draw, parsed)
            if isinstance(result, bytes):
                return Response(result, media_type="application/octet-stream")
            return JSONResponse(result)

        return answer

    routes = [
        Route("/", index),
        Route("/images", drawn(ImagesRequest, painter.new_images), methods=["POST"]),
        Route("/path", drawn(PathRequest, painter.path), methods=["POST"]),
        Route("/favourites", drawn(FavouritesRequest, painter.archive), methods=["POST"]),
    ]
    handlers: dict[Any, Any] = {
        HTTPException: lambda _, error: refusal(error.status_code, error.detail),
        GanspecError: lambda _, error: refusal(422, one_line(error)),
        MemoryError: out_of_memory,
        RuntimeError: out_of_memory,
    }
    guard = Middleware(Guard, names=frozenset(names))
    return Starlette(routes=routes, middleware=[guard], exception_handlers=handlers)


def refusal(status: int, text: str) -> Response:
    """Return an answer with the HTTP status `status`, such as 403, and one line of text."""
    return PlainTextResponse(f"{text}\n", status)


async def out_of_memory(request: Request, error: Exception) -> Response:
    """Return the answer to a request that needs too much memory. Raises any other `error` again."""
    if not is_out_of_memory(error):
        raise error
    return refusal(503, "out of memory: ask for fewer images")


async def body(request: Request) -> bytes:
    """Return the body of a request.

    Raises HTTPException if the body is too long, arrives too slowly or ends early, or if its
    content type is not JSON: browsers let any site send some other types.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if media_type.lower() != "application/json":
        raise HTTPException(415, "send application/json")
    data = bytearray()
    try:
        async with asyncio.timeout(SECONDS_TO_SEND):
            async for chunk in request.stream():
                data += chunk
                if len(data) > MOST_BYTES:
                    raise HTTPException(413, f"a request has {MOST_BYTES:,} bytes at most")
    except TimeoutError:
        raise HTTPException(408, "the request took too long to arrive") from None
    except ClientDisconnect:
        raise HTTPException(400, "the request ended early") from None
    return bytes(data)


def page_html(painter: Painter) -> str:
    """Return the HTML of the page, with facts about run, images and latents at its top."""
    sampler = painter.sampler
    channels, height, width = sampler.spec.data.shape
    return page(
        "serve.html.jinja",
        painter=painter,
        sampler=sampler,
        facts=[
            str(sampler.run.folder),
            f"step {sampler.step:,}",
            "averaged weights" if sampler.averaged else "",
            f"{height} x {width} {'grey' if channels == 1 else 'colour'}",
            f"latents of {sampler.cfg.latent_size:,} {sampler.cfg.latent_distribution} numbers",
        ],
        count=min(64, painter.most),
        most_frames=min(MOST_FRAMES_OF_A_PATH, painter.most),
        most_favourites=MOST_FAVOURITES,
        tile=width * max(1, round(TILE / width)),
    )
