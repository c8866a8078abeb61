"""The page of `ganspec serve`: its images are those of `ganspec sample`, its requests bounded.

Each run is served once, by a thread, and asked over HTTP; a browser uses the page as people do.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from small_gans import COLOUR, GREY, MULTI_HOT, write_objects
from small_systems import CLASSIFIER, PLAIN
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.language.load import loads
from ganspec.sampling.interpolation import interpolated
from ganspec.sampling.sampler import Sampler

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from ganspec.serving import application as serving
from ganspec.serving.application import application, is_own
from ganspec.serving.painter import open_painter
from ganspec.serving.server import PageServer, PortError, address_of, listen

BY_BATCH = GREY.replace("name: grey", "name: by_batch\nframework: tensorflow").replace(
    "batch_norm", "{batch_norm: {statistics: batch}}"
)
VAE = """
name: decoder
data: {dataset: {shapes: {count: 48}}, size: 8, range: [0, 1]}
latent: {size: 3}
encoder: {layers: [flatten, {linear: 8}, relu]}
decoder: {layers: [{project: [3, 8, 8]}, sigmoid]}
objective: {loss: mean_squared_error}
optimizer: {adam: {lr: 0.01}}
train: {batch: 16}
"""
JSON = {"Content-Type": "application/json"}
NEW = {"seed": 3, "count": 5}


@contextlib.contextmanager
def listening_to(application_):
    """Serve an application on a free port, in a thread. Yield its URL."""
    listening = listen("127.0.0.1", 0)
    server = PageServer.of(application_)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield address_of(listening)
    finally:
        server.should_exit = server.force_exit = True
        thread.join()


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """Return a function that trains and serves a spec, once each."""
    folder, stack, made = tmp_path_factory.mktemp("runs"), [], {}
    write_objects(folder)

    def site(text):
        spec = loads(text.replace("FOLDER", str(folder)))
        if spec.name not in made:
            run = ganspec.train(spec, folder / spec.name, steps=3)
            painter = open_painter(run.folder, "auto", None, False)
            served = listening_to(application(painter))
            made[spec.name] = SimpleNamespace(folder=run.folder, url=served.__enter__())
            stack.append(served)
        return made[spec.name]

    yield site
    for served in stack:
        served.__exit__(None, None, None)


def ask(url, path="images", wish=None, method="POST", headers=JSON, body=None):
    """Return the status and the body of an answer."""
    connection = http.client.HTTPConnection(url.split("/")[2], timeout=30)
    text = json.dumps(wish) if body is None else body
    connection.request(method, f"/{path}", text, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def asked(url, path, wish):
    status, text = ask(url, path, wish)
    assert status == 200, text
    return json.loads(text)


def pixels(images):
    """Return shown images as one array, N x H x W x C."""
    files = (io.BytesIO(base64.b64decode(each["png"].partition(",")[2])) for each in images)
    arrays = [np.array(Image.open(file)) for file in files]
    return np.stack([a[..., None] if a.ndim == 2 else a for a in arrays])


# -- images are those of `ganspec sample` -------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wish", "option"),
    [
        (GREY, {}, None),
        (GREY, {"truncation": 0.7, "seed": 2**32 - 1, "count": 70}, "--truncation 0.7"),
        (COLOUR, {}, None),
        (COLOUR, {"labels": [3, 11]}, "--label"),
        (MULTI_HOT, {}, None),
        (MULTI_HOT, {"labels": [3, 11]}, "--label"),
        (VAE, {"seed": 9}, None),
        (BY_BATCH, {"count": 20}, None),
    ],
)
def test_images_are_those_of_the_command_beside_them(sites, tmp_path, text, wish, option):
    drawn = asked(sites(text).url, "images", {**NEW, **wish})
    command = drawn["command"]
    assert option is None or f" {option}" in command
    out = tmp_path / "images.npz"
    result = CliRunner().invoke(app, [*shlex.split(command)[1:], "-o", str(out)])
    assert result.exit_code == 0, result.output
    archive = np.load(out)
    assert np.array_equal(pixels(drawn["images"]), archive["images"])
    labels = [each["labels"] for each in drawn["images"]]
    if "multi_hot" in archive:
        assert labels == [row.nonzero()[0].tolist() for row in archive["multi_hot"]]
    else:
        assert labels == [[i] for i in archive["labels"].tolist()] if "labels" in archive else [[]]


@pytest.mark.parametrize("text", [GREY, COLOUR, MULTI_HOT, BY_BATCH])
def test_paths_are_those_of_interpolate(sites, text):
    site = sites(text)
    sampler = Sampler(site.folder, torch.device("cpu"))
    way = "linear" if text == COLOUR else "spherical"
    images = asked(site.url, "images", {"seed": 4, "count": 2})["images"]
    start, end = ({"latent": e["latent"], "labels": e["labels"]} for e in images)
    end["labels"] = start["labels"]
    wish = {"start": start, "end": end, "way": way, "frames": 6, "seed": 4}
    (row,) = asked(site.url, "path", wish)["rows"]
    expected = interpolated(sampler, 1, 6, 4, way).all_images(lambda *_: None)
    assert np.array_equal(pixels(row), expected.permute(0, 2, 3, 1).numpy())


def test_a_path_between_labels_has_a_row_for_each(sites):
    site = sites(COLOUR)
    first, second = asked(site.url, "images", {**NEW, "labels": [2, 7], "count": 2})["images"]
    ends = [{"latent": e["latent"], "labels": e["labels"]} for e in (first, second)]
    wish = {"start": ends[0], "end": ends[1], "way": "linear", "frames": 4, "seed": 0}
    rows = asked(site.url, "path", wish)["rows"]
    assert [[image["labels"] for image in row] for row in rows] == [[[2]] * 4, [[7]] * 4]
    assert rows[0][0]["png"] == first["png"]
    assert rows[1][-1]["png"] == second["png"]


@pytest.mark.parametrize(("text", "name"), [(GREY, None), (COLOUR, "labels"), (MULTI_HOT, "multi")])
def test_saved_latents_draw_the_favourites_again(sites, text, name):
    site = sites(text)
    images = asked(site.url, "images", NEW)["images"]
    chosen = [images[4], images[1]]
    wish = [{"latent": e["latent"], "labels": e["labels"]} for e in chosen]
    status, saved = ask(site.url, "favourites", {"favourites": wish})
    assert status == 200
    archive = {key: torch.tensor(value) for key, value in np.load(io.BytesIO(saved)).items()}
    latents = archive.pop("latents")
    assert [key.partition("_")[0] for key in archive] == ([name] if name else [])
    labels = [each.float() if each.ndim == 2 else each for each in archive.values()]
    sampler = Sampler(site.folder, torch.device("cpu"))
    drawn, _ = next(sampler.drawn([(latents, *labels)], 2))
    assert np.array_equal(pixels(chosen), drawn.permute(0, 2, 3, 1).numpy())


# -- requests that are refused ------------------------------------------------------------------

LATENT = base64.b64encode(np.zeros(5, "<f4").tobytes()).decode()
END = {"latent": LATENT, "labels": [1]}
PATH = {"start": END, "end": END, "way": "linear", "frames": 3, "seed": 0}


@pytest.mark.parametrize(
    ("path", "wish", "message"),
    [
        ("images", {"seed": -1, "count": 4}, "seed: Input should be greater than or equal to 0"),
        ("images", {"seed": 2**32, "count": 4}, "seed: Input should be less than or equal to"),
        ("images", {"seed": "1", "count": 4}, "seed: Input should be a valid integer"),
        ("images", {"seed": 1, "count": 0}, "count: Input should be greater than"),
        ("images", {"seed": 1, "count": 257}, "count: 256 images of this run at most"),
        ("images", {"seed": 1}, "count: Field required"),
        ("images", {**NEW, "sead": 1}, "sead: Extra inputs are not permitted"),
        ("images", {**NEW, "labels": [24]}, "labels: choose numbers below 24"),
        ("images", {**NEW, "labels": [-1]}, "labels.0: Input should be greater than"),
        ("images", {**NEW, "truncation": 0.5}, "latents of colour are uniform"),
        ("images", [], "Input should be an object"),
        ("path", {**PATH, "way": "spherical"}, "way: choose linear"),
        ("path", {**PATH, "way": "straight"}, "way: Input should be 'linear' or 'spherical'"),
        ("path", {**PATH, "frames": 51}, "frames: Input should be less than or equal to 50"),
        ("path", {**PATH, "end": {"latent": LATENT}}, "labels: give each image one class"),
        ("path", {**PATH, "end": {**END, "latent": "%"}}, "latent: write its float32 numbers"),
        ("path", {**PATH, "end": {**END, "latent": LATENT[4:]}}, "latent: "),
        ("favourites", {"favourites": []}, "favourites: List should have at least 1 item"),
        ("favourites", {"favourites": [END] * 1001}, "favourites: List should have at most"),
    ],
)
def test_bad_requests_get_one_line(sites, path, wish, message):
    status, text = ask(sites(COLOUR).url, path, wish)
    assert status == 422
    assert text.decode().startswith(message)
    assert text.count(b"\n") == 1


def test_numbers_of_a_latent_are_finite(sites):
    odd = base64.b64encode(np.full(5, np.nan, "<f4").tobytes()).decode()
    status, text = ask(sites(COLOUR).url, "path", {**PATH, "end": {**END, "latent": odd}})
    assert (status, text) == (422, b"latent: give 5 finite numbers for this run\n")


@pytest.mark.parametrize(
    ("status", "options"),
    [
        (422, {"body": "[" * 100_000}),
        (422, {"body": '{"seed": NaN}'}),
        (422, {"body": b"\xff"}),
        (413, {"body": b" " * (serving.MOST_BYTES + 1)}),
        (415, {"headers": {"Content-Type": "text/plain"}}),
        (404, {"path": "other"}),
        (405, {"method": "GET"}),
        (403, {"headers": {**JSON, "Host": "ganspec.example.com"}}),
        (403, {"headers": {**JSON, "Host": ""}}),
        (403, {"headers": {**JSON, "Origin": "http://example.com"}}),
        (403, {"headers": {**JSON, "Origin": "null"}}),
        (403, {"headers": {**JSON, "Origin": "http://["}}),
        (403, {"headers": {**JSON, "Origin": "http://127.0.0.1:1"}}),
        (403, {"method": "GET", "path": "", "headers": {"Host": "example.com:80"}}),
    ],
)
def test_odd_requests_are_refused(sites, status, options):
    assert ask(sites(COLOUR).url, wish=NEW, headers={"Content-Type": "Application/JSON"})[0] == 200
    found, text = ask(sites(COLOUR).url, **{"wish": NEW, **options})
    assert found == status
    assert text.count(b"\n") == 1


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("localhost", True),
        ("10.0.0.7:80", True),
        ("tower.local:8000", True),
        ("tower.local.example.com", False),
        ("127.0.0.1.example.com", False),
        ("localhost.example.com", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_hosts_are_addresses_or_names_of_the_machine(host, expected):
    assert is_own(host, {"tower.local"}) is expected


def test_one_request_is_drawn_at_a_time_and_few_wait(sites):
    running, most, release = [], [], threading.Event()

    def slow(wish):
        running.append(wish)
        most.append(len(running))
        release.wait(20)
        running.pop()
        return {}

    painter = open_painter(sites(GREY).folder, "auto", None, False)
    painter.new_images = slow
    with listening_to(application(painter)) as url:
        found, threads = [], []
        for _ in range(serving.MOST_WAITING + 3):
            threads.append(threading.Thread(target=lambda: found.append(ask(url, wish=NEW))))
            threads[-1].start()
            time.sleep(0.05)
        release.set()
        for thread in threads:
            thread.join()
    statuses = sorted(status for status, _ in found)
    assert statuses == [200] * (serving.MOST_WAITING + 1) + [503] * 2
    assert set(most) == {1}


# -- the command ----------------------------------------------------------------------------------


def run_serve(*words):
    return CliRunner().invoke(app, ["serve", *map(str, words)])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (CLASSIFIER, "trains a classifier, which draws no new images"),
        (
            PLAIN,
            "trains an autoencoder, which draws no new images: `ganspec sample` restores real "
            "images",
        ),
    ],
)
def test_a_run_that_draws_nothing_is_refused(tmp_path, text, reason):
    (tmp_path / "spec.yaml").write_text(text)
    result = run_serve(tmp_path)
    assert result.exit_code == 2
    assert result.stderr == f"error: {tmp_path} {reason}\n"


def test_a_folder_without_a_run_is_refused(tmp_path):
    assert (
        run_serve(tmp_path).stderr
        == f"error: {tmp_path} is no run: name a folder that holds a spec.yaml\n"
    )


def test_a_port_that_is_taken_is_said(sites):
    site = sites(GREY)
    port = site.url.rstrip("/").rpartition(":")[2]
    result = run_serve(site.folder, "--port", port)
    assert result.exit_code == 2
    assert result.stderr == (
        f"error: port {port} of 127.0.0.1: address already in use; try --port {int(port) + 1}\n"
    )


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 70])
def test_a_host_without_an_address_is_said(host):
    with pytest.raises(
        PortError, match=r"no address of `.*` is known: .*; try --host 127\.0\.0\.1"
    ):
        listen(host, 0)


def test_a_port_that_can_be_had_is_advised():
    last = 65535
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # another program has it
            taken.bind(("127.0.0.1", last))
            taken.listen()
        with pytest.raises(PortError, match=r"in use; try --port 0$"):
            listen("127.0.0.1", last)
    with pytest.raises(PortError, match=r"; try --host 127\.0\.0\.1$"):
        listen("192.0.2.1", 8000)  # of no machine


def test_other_machines_are_let_in_with_a_warning(sites, monkeypatch):
    monkeypatch.setattr(PageServer, "run", lambda self, sockets: [s.close() for s in sockets])
    site = sites(GREY)
    result = run_serve(site.folder, "--port", 0, "--host", "0.0.0.0")
    assert result.exit_code == 0
    assert result.stderr == (
        "warning: other machines that reach this one can use the page, which has no password\n"
    )
    assert "127.0.0.1" not in result.stdout
    assert run_serve(site.folder, "--port", 0).stderr == ""


def test_a_missing_package_is_said(sites, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    result = run_serve(sites(GREY).folder)
    assert result.exit_code == 2
    assert result.stderr == "error: ganspec serve needs uvicorn: pip install 'ganspec[serve]'\n"


@pytest.mark.true_process
@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGINT for another process")
def test_ctrl_c_ends_it_at_once(sites):
    command = [sys.executable, "-m", "ganspec", "serve", str(sites(GREY).folder), "--port", "0"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,
        contextlib.ExitStack() as last,
    ):
        last.callback(process.kill)  # a failure would wait for it
        process.stdout.readline()
        url = process.stdout.readline().split()[0]
        connection = http.client.HTTPConnection(url.split("/")[2], timeout=30)
        connection.request("GET", "/")  # and the connection stays open
        assert connection.getresponse().status == 200
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(10)
        assert time.monotonic() - begun < 2
        assert process.returncode == -signal.SIGINT


# -- in a browser ---------------------------------------------------------------------------------

NORMAL = COLOUR.replace("name: colour", "name: normal").replace(
    "size: 5, distribution: uniform, range: [0, 1]", "size: 5"
)


def until(condition):
    """Return the first true value of `condition()`, within ten seconds."""
    end = time.monotonic() + 10
    while not (value := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return value


def status(page):
    """Return what the page says when it is idle."""
    until(lambda: not page.find("[aria-busy]"))
    return page.texts("#status")[0]


@pytest.fixture
def page(browser, sites, tmp_path):
    page = browser.open(sites(NORMAL).url)
    page.run("sessionStorage.clear(); location.reload()")
    behaviour = {"behavior": "allow", "downloadPath": str(tmp_path)}
    page.driver.execute_cdp_cmd("Page.setDownloadBehavior", behaviour)
    page.requests()
    assert status(page).startswith("64 images of seed 0, in ")
    return page


def write(page, field, text):
    """Replace the text of a field."""
    from selenium.webdriver.common.keys import Keys

    page.find(field)[0].send_keys(Keys.CONTROL, "a", Keys.NULL, text)


def press(page, *keys):
    page.driver.switch_to.active_element.send_keys(*keys)


def test_a_person_with_a_keyboard_uses_the_page(page, tmp_path):
    from selenium.webdriver.common.keys import Keys

    assert len(page.find("#samples .picture")) == 64
    assert page.texts("#command")[0].endswith("normal -n 64 --seed 0")
    page.run("document.querySelector('#samples .picture').focus()")
    press(page, Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    press(page, Keys.ENTER)
    press(page, Keys.END)
    press(page, Keys.SPACE)
    assert len(page.find("#samples [aria-pressed=true]")) == 2
    assert status(page)
    page.run("document.querySelector('#page').dataset.mostFavourites = 2")
    press(page, Keys.ARROW_LEFT)
    press(page, Keys.SPACE)
    assert len(page.find("#samples [aria-pressed=true]")) == 2
    assert status(page) == "no more than 2 images can be kept: remove one first"
    until(lambda: len(page.find("#paths .picture")) == 18)  # two labels, nine images
    assert page.texts("#path-status") == ["one row with the label of each end"]
    write(page, "#frames", "4")
    until(lambda: len(page.find("#paths .picture")) == 8)

    page.find("#save-latents")[0].send_keys(Keys.ENTER)
    saved = until(lambda: list(tmp_path.glob("*.npz")))
    assert [file.name for file in saved] == ["normal_step3_favourites.npz"]
    page.find("#save-latents")[0].send_keys(Keys.ENTER)
    until(lambda: (tmp_path / "normal_step3_favourites_2.npz").exists())
    archive = np.load(saved[0])
    assert archive["latents"].shape == (2, 5)
    page.find("#save-picture")[0].send_keys(Keys.ENTER)
    picture = tmp_path / "normal_step3_favourites_3.png"
    until(picture.exists)
    assert Image.open(picture).size == (22, 12)

    page.driver.refresh()
    assert status(page)
    assert len(page.find("#favourites figure")) == 2
    page.find("#favourites .remove")[0].send_keys(Keys.ENTER)
    assert len(page.find("#favourites figure")) == 1
    assert page.run("return document.activeElement.className") == "remove"
    assert page.texts("#between h2") == [""]
    assert page.complaints() == []
    own = {"images", "path", "favourites", ""}
    assert {url.rpartition("/")[2] for url in page.requests() if "blob:" not in url} <= own


HOLD_SAMPLES = """
const send = window.fetch;
window.fetch = async (path, wish) => {
  if (path === "images") await new Promise(go => { window.go = go; });
  return send(path, wish);
};
document.getElementById("wish").requestSubmit();
document.getElementById("frames").value = 3;
document.getElementById("path").dispatchEvent(new Event("input"));
"""


def test_the_page_is_busy_until_the_last_of_its_draws_ends(page):
    for picture in page.find("#samples .picture")[:2]:
        picture.click()
    assert status(page).startswith("64 images of seed 0, in ")
    page.run(HOLD_SAMPLES)
    until(lambda: len(page.find("#paths .picture")) == 6)  # two labels, three images
    assert page.find("[aria-busy]")  # the samples are still drawn
    page.run("window.go()")
    assert status(page).startswith("64 images of seed 1, in ")


def test_seed_labels_and_truncation_change_the_samples(page):
    from selenium.webdriver.common.keys import Keys

    page.find("#wish button")[0].click()
    assert status(page).startswith("64 images of seed 1, in ")
    page.find("[name=label]")[3].click()
    page.find("[name=label]")[5].click()
    write(page, "#count", "6")
    assert status(page).startswith("6 images of seed 1, in ")
    page.find("#truncation")[0].send_keys(Keys.ARROW_LEFT)
    status(page)
    names = page.texts(".ticks label")
    assert page.texts("#samples figcaption") == [names[3], names[5]] * 3
    command = f"-n 6 --seed 1 --label '{names[3]},{names[5]}' --truncation 2.45"
    assert page.texts("#command")[0].endswith(command)
    write(page, "#count", "600")
    assert status(page).startswith("Images: Value must be less than")
    assert page.find("#status.refused")
    page.find("#untick")[0].click()
    write(page, "#count", "7")
    until(lambda: "--label" not in page.texts("#command")[0])
    assert page.complaints() == []


@pytest.mark.parametrize("text", [NORMAL, GREY, MULTI_HOT], ids=["classes", "none", "objects"])
def test_the_page_fits_every_window(browser, sites, text):
    for look in ((1400, False), (1400, True), (390, False)):
        page = browser.open(sites(text).url, *look)
        for button in page.find("#samples .picture")[:2]:
            button.click()
        status(page)
        assert page.overflow() <= 0
        assert page.unreadable() == []
        assert page.complaints() == []


def test_a_phone_scrolls_to_every_class(browser, sites):
    page = browser.open(sites(NORMAL).url, 390)
    page.run(
        "const ticks = document.querySelector('.ticks');"
        "for (let i = 0; i < 24; i++) ticks.append(ticks.children[0].cloneNode(true));"
        "ticks.children[3].querySelector('span').textContent = 'a long name '.repeat(20)"
    )
    beyond = "const t = document.querySelector('.ticks'); return [t.scroll{0} - t.client{0}]"
    assert page.run(beyond.format("Width")) == [0]
    assert page.run(beyond.format("Height"))[0] > 0


def test_a_server_that_ended_is_said(browser, sites):
    with listening_to(application(open_painter(sites(GREY).folder, "auto", None, False))) as url:
        page = browser.open(url)
        assert status(page)
    page.find("#wish button")[0].click()
    assert status(page) == "ganspec serve does not answer: is it still running?"
