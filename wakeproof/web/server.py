"""The server: pages by GET alone, for browsers on this machine alone.

It keeps no session and changes nothing. A page that another address has loaded cannot read from
it: requests must name this machine as their host, which a name that is bound to another address
later does not (DNS rebinding), and a policy keeps pages from loading anything from elsewhere.
"""

from __future__ import annotations

import dataclasses
import logging
import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wakeproof.errors import InputError, fault
from wakeproof.util.text import number_in
from wakeproof.web.address import LONGEST_QUERY, MOST_STEPS, Address, read_address
from wakeproof.web.offers import Offers
from wakeproof.web.pages import Page, cut, difference_page, first_page, state_page, way_page

HERE = Path(__file__).parent
LOCAL = "127.0.0.1"
NAMES = (LOCAL, "localhost")
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
MOST_AT_ONCE = 50
"""The random steps that one link takes."""


class LocalOnly:
    """Refuses requests for another host or port; adds the headers of a closed page."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self.app = app
        self.hosts = {f"{name}:{port}" for name in NAMES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_closed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        app: ASGIApp = self.app
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            site, kind = headers.get("sec-fetch-site"), headers.get("sec-fetch-dest")
            if headers.get("host", "").lower() not in self.hosts:
                app = PlainTextResponse("this explorer answers on 127.0.0.1 alone\n", 421)
            elif site == "cross-site" and kind != "document":
                # a link may be followed from anywhere, but no other page has it work in secret
                app = PlainTextResponse("this explorer is not a part of another page\n", 403)
            elif len(scope["query_string"]) > LONGEST_QUERY:
                app = PlainTextResponse("the link is too long\n", 414)
        await app(scope, receive, send_closed)


def environment() -> jinja2.Environment:
    """Return an environment in which every value is escaped."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def make_app(offers: Offers, port: int) -> ASGIApp:
    """Return the application that serves an explorer on a port."""
    templates = environment()

    def answer(page: Page) -> Response:
        text = templates.get_template(page.template).render(page.values)
        return HTMLResponse(text, page.status)

    def page(make: Callable[[Request], Page | str]) -> Callable[[Request], Response]:
        """Return the endpoint of a page, or of a link that leads on; wrong input is a page, too."""

        def endpoint(request: Request) -> Response:
            try:
                made = make(request)
            except InputError as error:
                return answer(Page("error.html", {"error": error}, 404))
            except Exception as error:
                logging.getLogger("wakeproof").debug("", exc_info=True)
                return answer(Page("error.html", {"error": fault(error)}, 500))
            if isinstance(made, str):
                return RedirectResponse(made, 303)
            return answer(made)

        return endpoint

    def state(request: Request) -> Page | str:
        address = read_address(request.query_params)
        whole = offers.whole(address)
        if whole != address:
            return whole.link()
        return state_page(offers, whole)

    def wander(request: Request) -> str:
        address = offers.whole(read_address(request.query_params))
        count = number_in(request.query_params.get("steps_more", "1"), MOST_AT_ONCE + 1) or 1
        return _wander(offers, address, count).link()

    def way(request: Request) -> Page | str:
        address = offers.whole(read_address(request.query_params))
        return way_page(offers, address, request.query_params.get("to", ""))

    def difference(request: Request) -> Page | str:
        return difference_page(offers, offers.whole(read_address(request.query_params)))

    return LocalOnly(
        Starlette(
            routes=[
                Route("/", page(lambda _: first_page(offers))),
                Route("/state", page(state)),
                Route("/random", page(wander)),
                Route("/way", page(way)),
                Route("/difference", page(difference)),
                Mount("/static", StaticFiles(directory=HERE / "static")),
            ],
        ),
        port,
    )


def _wander(offers: Offers, address: Address, count: int) -> Address:
    """Return the address after so many random steps, fewer if nothing is possible any more."""
    follower = offers.follower(address.scenario, address.run, address.host)
    path = follower.follow(address.steps[: address.taken])
    address = cut(dataclasses.replace(address, steps=address.steps[: address.taken]), path)
    moment = path.moments[-1]
    for _ in range(min(count, MOST_STEPS - address.taken)):
        possible = follower.possible(moment)
        if not possible:
            break
        step = random.choice(possible)
        address, moment = address.after(step.line), step.moment
    return dataclasses.replace(address, at=None)


def open_port(port: int | None, usual: int) -> socket.socket:
    """Return a socket that listens on this machine alone.

    Without a `port` it is the `usual` one, or a free one if that is in use; 0 is a free one. Raises
    `InputError` if the port cannot be used.
    """
    for tried in [usual, 0] if port is None else [port]:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((LOCAL, tried))
            listening.listen()
        except OSError as error:
            listening.close()
            if port is not None:
                raise InputError(
                    f"port {port} cannot be used: {error.strerror}",
                    hint="--port 0 takes a free one",
                ) from None
        else:
            return listening
    raise InputError("no port is free", hint="close another server")


def serve(app: Any, listening: socket.socket) -> None:
    """Serve until an interrupt, which ends it without an error, and a search with it."""
    config = uvicorn.Config(
        app, log_level="critical", access_log=False, timeout_graceful_shutdown=1, ws="none"
    )
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        pass
    finally:
        listening.close()
