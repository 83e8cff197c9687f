"""Take the pictures of the explorer: `python -m docs.screenshots [FOLDER]`.

It writes `docs/how-to/state.svg`, which a page shows, and screenshots of whole pages in Chromium to
the folder, `build/screenshots` without one: wide and narrow, light and dark. Those are not
committed.
"""

from __future__ import annotations

import re
import shutil
import sys
import threading
from pathlib import Path

import uvicorn

from wakeproof.language.model import BUNDLED
from wakeproof.web.address import Address
from wakeproof.web.offers import Offers
from wakeproof.web.server import HERE, environment, make_app, open_port
from wakeproof.web.view import seen

ROOT = Path(__file__).parent.parent
STATE = ROOT / "docs" / "how-to" / "state.svg"
SHOWN = Address("issue-1618", "v1/v1/v1", at=7)
"""The state that the page shows."""
PAGES = {
    "first": "/",
    "state": SHOWN.link(),
    "end": "/state?scenario=issue-1618&mix=v1/v1/v1&at=10",
    "lockstep": "/state?scenario=issue-1618&mix=v1/v1/v1&beside=v2/v2/v2&at=8",
    "large": "/state?scenario=nested-waits&mix=v3/v3/v3&steps=call_sync_export;block_on+outer;"
    "block_on+in-export;return_ready;poll+left;poll+left",
}
SIZES = {"wide": (1280, 800), "narrow": (390, 844)}


def state_svg() -> str:
    """Return the picture of a state as a file of its own, with the style of the explorer."""
    offers = Offers(BUNDLED)
    address = offers.whole(SHOWN)
    follower = offers.follower(address.scenario, address.run, address.host)
    shown = seen(follower, follower.follow(address.steps).moments, address.taken)
    parts = environment().get_template("parts.html").module
    name = "A state of the scenario issue-1618"
    picture = str(getattr(parts, "drawing")(shown, "wide", name)).strip()  # noqa: B009
    css = (HERE / "static" / "explorer.css").read_text("utf-8")
    colours = re.findall(r":root \{[^}]*\}", css)
    rules = re.findall(r"^\.picture .*$", css, re.MULTILINE)
    style = "\n".join(
        [colours[0], f"@media (prefers-color-scheme: dark) {{ {colours[1]} }}", *rules]
    )
    head, _, rest = picture.partition(">")
    return f'{head} xmlns="http://www.w3.org/2000/svg">\n<style>\n{style}\n</style>{rest}\n'


def take(folder: Path) -> None:
    """Write screenshots of all pages in Chromium to a folder. Raises `RuntimeError` without it."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        raise RuntimeError("Chromium is not installed: apt-get install chromium")
    listening = open_port(0, 0)
    port = listening.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(make_app(Offers(BUNDLED), port), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for size, (width, height) in SIZES.items():
            for scheme in ("light", "dark"):
                window = browser.new_page(
                    viewport={"width": width, "height": height}, color_scheme=scheme
                )
                for name, link in PAGES.items():
                    window.goto(f"http://127.0.0.1:{port}{link}")
                    file = folder / f"{name}-{size}-{scheme}.png"
                    window.screenshot(path=file, full_page=True)
        browser.close()
    server.should_exit = True
    thread.join()


if __name__ == "__main__":
    STATE.write_text(state_svg(), encoding="utf-8")
    take(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "screenshots")
