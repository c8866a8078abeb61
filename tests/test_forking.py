"""Forked programs do what new processes do: output, exit status, files, and what they can see."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from subprocess import PIPE

import pytest
from conftest import ROOT
from forking import MAXIMUM, Popen, TrueProcess, close_servers, fork_programs

DCGAN = str(ROOT / "specs" / "dcgan.yaml")
SMALL = ["--set=vars.ch=4", "--set=data.dataset={shapes: {count: 48}}", "--set=train.batch=4"]

pytestmark = pytest.mark.skipif(subprocess.Popen is not Popen, reason="nothing is forked here")

# a program in a folder that has a module of its own
FACTS = """
import gc, json, locale, os, resource, signal, sys, threading, warnings
import numpy, torch
import neighbour
own, ids = os.getpid(), (os.getpgid(0), os.getsid(0))
def stream(each):
    names = ("name", "mode", "encoding", "errors", "newlines", "line_buffering", "write_through")
    return [type(each.buffer).__name__, each.isatty(), *(getattr(each, name) for name in names)]
facts = {
    "arguments": [sys.argv, sys.orig_argv, sys.executable, str(sys.flags), sys._xoptions],
    "path": sys.path,
    "main": {k: str(v).partition(" at 0x")[0] for k, v in globals().items() if k[:2] == "__"},
    "modules": [sys.modules["__main__"].__dict__ is globals(), neighbour.__name__],
    "environment": dict(os.environ),
    "folder": [os.getcwd(), os.umask(0)],
    "processes": [os.getppid(), *(each if each != own else "own" for each in ids)],
    "streams": [stream(each) for each in (sys.stdin, sys.stdout, sys.stderr)],
    "files": len(os.listdir("/proc/self/fd")),
    "signals": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
    "mask": sorted(signal.pthread_sigmask(0, ())),
    "limits": [resource.getrlimit(number) for number in range(10)],
    "threads": [threading.active_count(), len(os.listdir("/proc/self/task"))],
    "torch": [torch.get_num_threads(), torch.is_grad_enabled()],
    "python": [gc.isenabled(), gc.get_threshold(), sys.getrecursionlimit()],
    "hooks": [sys.excepthook is sys.__excepthook__, sys.gettrace(), sys.getprofile()],
    "locale": [locale.setlocale(locale.LC_ALL), locale.getpreferredencoding()],
    "warnings": [str(f) for f in warnings.filters if f[2].__module__ == "builtins"],
}
print(json.dumps(facts, sort_keys=True))
"""


VARYING = ("run.json", "log.jsonl", "checkpoint.pt")  # files of a run that have times in them
SCRIPTS = {
    "facts.py": FACTS,
    "raises.py": "import neighbour\ndef f():\n    raise ValueError('wrong')\nf()\n",
    "chained.py": "try:\n    1 / 0\nexcept Exception as e:\n    raise OSError('so') from e\n",
    "wrong.py": "def f(:\n",
    "says.py": "import sys\nsys.exit('this went wrong')\n",
    "exits.py": "import atexit, sys\natexit.register(print, 'last')\nprint('first')\nsys.exit(7)\n",
    "leaves.py": "file = open('left', 'w')\nfile.write('not flushed')\n",
    "reads.py": "import sys\nprint(input(), sys.stdin.read())\n",
    "interrupted.py": "raise KeyboardInterrupt\n",
    "killed.py": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n",
    "aborts.py": "import os\nos.abort()\n",
    "hooked.py": "import sys\nsys.excepthook = lambda *error: print(*error[:2])\n1 / 0\n",
    "threads.py": "import threading\nthreading.Timer(0.2, print, 'l').start()\nprint('soon')\n",
    "backward.py": (
        "import torch\na = torch.ones(200, 200, requires_grad=True)\n"
        "(a @ a).sum().backward()\nprint(a.grad.sum())\n"
    ),
    "unnoticed.py": "class A:\n    def __del__(self):\n        print('gone')\na = A()\n",
}
COMMANDS = {
    **{name: [name] for name in SCRIPTS},
    "facts.py": ["./facts.py", "a b", "-m", "--steps"],
    "isolated": ["-I", "-B", "-c", "import sys, torch; print(sys.path, str(sys.flags), __name__)"],
    "code": ["-c", "import sys; print(sys.argv, sys.path, sorted(globals()))", "a", "b"],
    "code that raises": ["-c", "raise SystemExit(3)"],
    "version": ["-m", "ganspec", "--version"],
    "train": ["-m", "ganspec", "train", DCGAN, "--steps", "2", "--out", "run", "--quiet", *SMALL],
    "a mistake": ["-m", "ganspec", "check", "absent.yaml"],
    "bad usage": ["-m", "ganspec", "check", "--absent"],
}


def result(start, command, folder, **options):
    """Return a program's exit status, output, errors and files, and whether it was forked."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, text in {"neighbour.py": "", **SCRIPTS}.items():
        (folder / name).write_text(text)
    streams = {"stdin": PIPE, "stdout": PIPE, "stderr": PIPE, **options}
    with start([sys.executable, *command], **{"cwd": folder, **streams}) as process:
        out, error = process.communicate(b"two\nlines\n", timeout=120)
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and path.name not in VARYING
    }
    return (process.returncode, out, error, files), getattr(process, "is_fork", False)


def both_results(command, folder, **options):
    """Return the result of a new process, and of a forked one."""
    new, _ = result(TrueProcess, command, folder, **options)
    forked, is_fork = result(Popen, command, folder, **options)
    if not is_fork:  # it was the first such request; the second one starts the server
        forked, is_fork = result(Popen, command, folder, **options)
    assert is_fork
    return new, forked


def assert_equal(forked, new):
    """Compare results; facts one by one, so that a difference can be read."""
    if new[1] and new[1].startswith(b'{"arguments"'):
        facts = [json.loads(each[1]) for each in (forked, new)]
        assert facts[0].keys() == facts[1].keys()
        for name, fact in facts[0].items():
            assert fact == facts[1][name], name
    assert forked == new


@pytest.mark.parametrize("name", COMMANDS)
def test_a_forked_program_does_what_a_new_process_does(name, tmp_path):
    new, forked = both_results(COMMANDS[name], tmp_path / "here")
    assert_equal(forked, new)


@pytest.mark.parametrize(
    "options",
    [
        {"start_new_session": True, "umask": 0o77, "stderr": subprocess.STDOUT},
        {"process_group": 0, "cwd": "/", "env": {**os.environ, "PATH": "/bin", "GANSPEC_MY": "ä"}},
    ],
    ids=lambda options: " ".join(options),
)
def test_a_forked_program_gets_what_popen_gives(options, tmp_path):
    command = [str(tmp_path / "here" / "facts.py")]
    new, forked = both_results(command, tmp_path / "here", **options)
    assert_equal(forked, new)


def test_another_environment_has_another_server(tmp_path, monkeypatch):
    """It decides, among others, how standard streams are encoded and buffered."""
    environment = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    environment["PYTHONUNBUFFERED"] = "" if os.environ.get("PYTHONUNBUFFERED") else "1"
    monkeypatch.setattr(Popen, "servers", {})
    options = {"env": {**os.environ, **environment}}
    new, forked = both_results(["facts.py"], tmp_path / "here", **options)
    assert_equal(forked, new)
    close_servers()
    fork_programs()


@pytest.mark.parametrize("command", [["-m", "ganspec", "schema"], ["-c", "print('unread')"]])
def test_a_reader_that_leaves_is_the_same(command, tmp_path):
    read, write = os.pipe()
    os.close(read)
    with open(write, "wb") as gone:
        new, forked = both_results(command, tmp_path / "here", stdout=gone)
    assert_equal(forked, new)
    assert new[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_a_forked_program_as_a_new_process(number, tmp_path):
    code = "import time\nprint('ready', flush=True); time.sleep(60)"
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("programs inherit that this signal is ignored")
    ends = []
    for start in (TrueProcess, Popen, Popen):
        command = [sys.executable, "-c", code]
        with start(command, cwd=tmp_path, stdout=PIPE, stderr=PIPE) as process:
            assert process.stdout.readline() == b"ready\n"
            process.send_signal(number)
            ends.append((*process.communicate(timeout=60), process.returncode))
    assert process.is_fork
    assert ends[2] == ends[0]


def test_random_numbers_of_forks_differ(tmp_path):
    code = (
        "import os, random, numpy, torch, uuid, tempfile\n"
        "print(random.random(), numpy.random.rand(), torch.initial_seed(), uuid.uuid4(), "
        "os.urandom(4), tempfile.mktemp(), sep='\\n')"
    )
    results = [result(Popen, ["-c", code], tmp_path / "here") for _ in range(4)]
    (*_, (first, is_fork), (second, _)) = results
    assert is_fork
    pairs = list(zip(first[1].split(), second[1].split(), strict=True))
    assert len(pairs) == 6 and all(a != b for a, b in pairs)


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (["-X", "dev", "reads.py"], {}),
        (["-O", "reads.py"], {}),
        (["-m", "json.tool", "--help"], {}),
        (["reads.py"], {"env": {"PYTHONPATH": "here"}}),
        (["reads.py"], {"close_fds": False}),
        (["reads.py"], {"preexec_fn": os.getpid}),
    ],
    ids=str,
)
def test_what_a_fork_cannot_be_given_is_a_new_process(command, options, tmp_path):
    if "env" in options:
        options = {"env": {**os.environ, **options["env"]}}
    for _ in range(2):
        assert result(Popen, command, tmp_path / "here", **options)[1] is False


def test_a_server_that_was_killed_is_replaced(tmp_path):
    command = ["-c", "print('said')"]
    outputs = [result(Popen, command, tmp_path / "here") for _ in range(2)]
    assert outputs[-1][1]
    for server in filter(None, Popen.servers.values()):
        server.process.kill()
        server.process.wait()
    outputs += [result(Popen, command, tmp_path / "here") for _ in range(3)]
    assert [is_fork for _, is_fork in outputs[2:]] == [False, False, True]
    assert {output[:3] for output, _ in outputs} == {(0, b"said\n", b"")}


def test_the_server_that_was_not_asked_for_longest_makes_room(tmp_path):
    command = ["-c", "print('said')"]
    for number in range(MAXIMUM + 1):
        environment = {**os.environ, "NUMBER": str(number)}
        forks = [result(Popen, command, tmp_path / "here", env=environment)[1] for _ in range(3)]
        assert forks == [False, True, True]
    assert sum(map(bool, Popen.servers.values())) == MAXIMUM
