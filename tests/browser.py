"""A real browser for tests of pages: Debian's chromium without a window, driven by selenium.

A test asks for the fixture `browser`, which conftest.py takes from here, and opens a file with it.
Where there is no browser such tests are skipped, with the reason.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

ARGUMENTS = (
    *("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "disable-quic"),
    *("no-first-run", "disable-background-networking", "disable-component-update"),
    *("disable-sync", "hide-scrollbars", "host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
)
READABLE = 4.5  # least contrast of text, WCAG 2.2, 1.4.3
CONTRASTS = """
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const rgba = colour => {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const light = colour => colour.slice(0, 3).map(c => c / 255)
  .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const ground = element => {
  for (let e = element; e; e = e.parentElement) {
    const colour = rgba(getComputedStyle(e).backgroundColor);
    if (colour[3] === 255) return colour;
  }
  return rgba(getComputedStyle(document.documentElement).colorScheme === 'dark' ? '#000' : '#fff');
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
while (walker.nextNode()) {
  const text = walker.currentNode.textContent.trim(), parent = walker.currentNode.parentElement;
  if (!text || ['STYLE', 'SCRIPT'].includes(parent.tagName) || !parent.checkVisibility()) continue;
  const [a, b] = [light(rgba(getComputedStyle(parent).color)), light(ground(parent))];
  found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), text]);
}
return found;
"""


def missing() -> str | None:
    """Why no browser can be driven here."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed"
    lacking = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    return f"{' and '.join(lacking)} not installed" if lacking else None


class Page:
    """A page that is open in the browser, at one width and in one theme."""

    def __init__(self, driver):
        self.driver = driver

    def run(self, script: str) -> object:
        """Run a script. Return its result."""
        return self.driver.execute_script(script)

    def find(self, selector: str) -> list:
        """Elements by a CSS selector."""
        return self.driver.find_elements("css selector", selector)

    def texts(self, selector: str) -> list[str]:
        """Return the visible texts of elements, empty for hidden ones."""
        return [element.text for element in self.find(selector)]

    def complaints(self) -> list[str]:
        """Return new messages of the console: errors, and blocked requests too."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Addresses beside the page's own that were asked for since this was last called."""
        events = (json.loads(e["message"])["message"] for e in self.driver.get_log("performance"))
        sent = (e["params"] for e in events if e["method"] == "Network.requestWillBeSent")
        urls = [params["request"]["url"] for params in sent]
        own = self.driver.current_url.partition("#")[0]
        return [url for url in urls if url != own and not url.startswith("data:")]

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        return self.run("return document.documentElement.scrollWidth - window.innerWidth")

    def unreadable(self) -> list[str]:
        """Visible texts whose colour is too near to that of their ground."""
        return [text for contrast, text in self.run(CONTRASTS) if contrast < READABLE]

    def screenshot(self, path: Path) -> None:
        """Return the whole page as a PNG."""
        root = "document.documentElement"
        width, height = self.run(f"return [{root}.scrollWidth, {root}.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        options = {"captureBeyondViewport": True, "clip": clip}
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", options)
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self, path: Path) -> None:
        """Return the page as printed, a PDF."""
        printed = self.driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
        path.write_bytes(base64.b64decode(printed["data"]))


class Browser:
    """A browser that opens files, and pages that this machine serves."""

    def __init__(self, profile: Path):
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in (*ARGUMENTS, f"user-data-dir={profile}"):
            options.add_argument(f"--{argument}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options, service)
        self.driver.get("about:blank")  # its own first page asks for things, and complains

    def open(self, place: Path | str, width: int = 1400, dark: bool = False) -> Page:
        """Open the file at a path, or a URL of this machine, in a window `width` pixels wide."""
        for log in ("browser", "performance"):
            self.driver.get_log(log)
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        metrics = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [theme]})
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get(place if isinstance(place, str) else place.resolve().as_uri())
        return Page(self.driver)

    def close(self) -> None:
        process = self.driver.capabilities.get("goog:processID")
        try:
            self.driver.quit()
        finally:
            # browsers were seen to outlive a driver that had ended
            if process:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)


@pytest.fixture(scope="session")
def browser(tmp_path_factory) -> Iterator[Browser]:
    """Return one browser for all tests of a process. Skip a test where there is none."""
    if reason := missing():
        pytest.skip(reason)
    opened = Browser(tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()
