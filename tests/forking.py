"""Programs that tests start with this Python: forked from a server, which saves their imports.

An import of torch takes longer than what most programs then do. Within a test session,
`subprocess.Popen` therefore asks a server (`fork_server.py`) to fork itself, where a new process
would be the same in all that a program can see; it starts a true process otherwise. The forked
process becomes a child of this one. So its id, its exit status, and the signals that it gets are
real, and nothing has to be forwarded.

Modules are the one thing that differs: those that the server has imported are in `sys.modules`.
The mark `true_process` is for tests that ask what is imported, or end processes by signals.
"""

from __future__ import annotations

import ctypes
import inspect
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path
from types import SimpleNamespace

from ruff import find_ruff_bin

try:
    import resource
except ImportError:  # Windows, where nothing is forked
    resource = None

ROOT = Path(__file__).parent.parent
# torch itself imports the second and third when a network is made or trained
LIBRARIES = ("torch", "torch._dynamo", "torch._meta_registrations", "numpy", "PIL.Image")
LIBRARIES += ("pydantic", "yaml", "matplotlib.figure")
FLAGS = ("-B", "-E", "-I", "-P", "-s", "-u")  # a server can be started with these
# Python and the libraries do not read these when they start; ganspec does when it needs them.
READ_LATE = re.compile(r"PATH|PYTEST_CURRENT_TEST|GANSPEC_\w+")
LARGE = ("ganspec.language_server", "ganspec.serving", "ganspec.training.trackers")  # packages
MAXIMUM = 5  # servers a process; each has about 300 MB
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of linux/prctl.h

TrueProcess = subprocess.Popen

# of `Popen._execute_child`, in the order of Python 3.11 and newer
PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
PARAMETERS = (
    *("args", "executable", "preexec_fn", "close_fds", "pass_fds", "cwd", "env", "startupinfo"),
    *("creationflags", "shell", *PIPES, "restore_signals", "gid", "gids", "uid", "umask"),
    *("start_new_session", "process_group"),
)
# what a forked program cannot be given otherwise
PLAIN = {"executable": None, "preexec_fn": None, "close_fds": True, "pass_fds": ()}
PLAIN |= {"shell": False, "restore_signals": True, "gid": None, "gids": None, "uid": None}


@dataclass(frozen=True)
class Start:
    """All that decides how an interpreter is before it runs a program."""

    flags: tuple[str, ...]
    imports: tuple[str, ...]
    environment: frozenset[tuple[str, str]]
    ignored: frozenset[int]  # signals, and those that are blocked
    limits: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Program:
    """A command line of this Python."""

    flags: tuple[str, ...]
    kind: str  # -m, -c or file
    text: str  # a module's name, code, or a path
    arguments: tuple[str, ...]


class ForkServer:
    """A running `fork_server.py`."""

    def __init__(self, start: Start) -> None:
        self.channel, theirs = socket.socketpair()
        script = Path(__file__).with_name("fork_server.py")
        command = [sys.executable, *start.flags, script, theirs.fileno(), *start.imports]
        with theirs, tempfile.TemporaryFile() as said:
            self.process = TrueProcess(
                list(map(str, command)),
                env={**dict(start.environment), "PATH": os.environ["PATH"]},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                pass_fds=[theirs.fileno()],
            )
            theirs.close()
            line = self.channel.makefile("rb").readline()
            answer = json.loads(line or '{"threads": 0, "modules": {}}')
            said.seek(0)
            # a fork has one thread only, and would not say again what imports say
            self.is_usable = answer["threads"] == 1 and not said.read()
        self.places = answer["modules"]

    def has_other(self, folder: str) -> bool:
        """Return True if `folder` has a module of its own in place of one that is imported."""
        for entry in os.scandir(folder):
            name = entry.name
            if entry.is_file() and name.endswith((".py", ".so")):
                name = name.partition(".")[0]
            place = self.places.get(name)
            if name in self.places and not (place and Path(place).is_relative_to(entry.path)):
                return True
        return False

    def fork(self, request: dict, streams: list[int]) -> int:
        """Return the id of a new child of this process, which runs the program of `request`."""
        with tempfile.TemporaryFile("w+") as file, becoming_parent():
            json.dump(request, file)
            file.flush()
            socket.send_fds(self.channel, [b"."], [file.fileno(), *streams])
            answer = self.channel.recv(100)
        if not answer:
            raise ConnectionError("the fork server has ended")
        return int(answer)

    def close(self) -> None:
        self.channel.close()
        self.process.wait()


@contextmanager
def becoming_parent():
    """Within the block, processes of this session that lose their parent become our children."""
    prctl = ctypes.CDLL(None).prctl
    prctl(SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(SUBREAPER, 0, 0, 0, 0)


class Popen(TrueProcess):
    """`subprocess.Popen`, which has a server fork the program where that makes no difference."""

    can_fork = True
    is_fork = False
    servers: dict[Start, ForkServer | None] = {}  # None at the first request

    def _execute_child(self, args, *values) -> None:
        if isinstance(args, list) and args[:3] == [sys.executable, "-m", "ruff"]:
            args = [find_ruff_bin(), *args[3:]]  # all that Python would do is to execute it
        values = (args, *values)
        given = SimpleNamespace(**dict(zip(PARAMETERS, values, strict=True)))
        given.cwd = os.path.abspath(given.cwd or "")
        given.env = {
            os.fsdecode(name): os.fsdecode(value)
            for name, value in (own_environment() if given.env is None else given.env).items()
        }
        program = self.can_fork and program_of(given)
        server = program and self.server(program, given)
        if not server:
            super()._execute_child(*values)
            return
        request = {
            **asdict(program),
            "command": list(map(os.fsdecode, given.args)),
            "cwd": given.cwd,
            "environment": given.env,
            "umask": current_umask() if given.umask < 0 else given.umask,
            "new_session": bool(given.start_new_session),
            "process_group": given.process_group,
        }
        streams = [given.p2cread, given.c2pwrite, given.errwrite]
        streams = [number if pipe == -1 else pipe for number, pipe in enumerate(streams)]
        try:
            self.pid = server.fork(request, streams)
        except ConnectionError:  # something has killed it: the next request starts another
            self.servers.pop(start_of(program, given))
            server.close()
            super()._execute_child(*values)
            return
        self._child_created = self.is_fork = True
        self._close_pipe_fds(*(getattr(given, name) for name in PIPES))

    @classmethod
    def server(cls, program: Program, given: SimpleNamespace) -> ForkServer | None:
        """Return the server that can fork `program`, which the second such request starts.

        If there are many, the one that was not asked for longest is closed.
        """
        start = start_of(program, given)
        if start not in cls.servers:
            cls.servers[start] = None
            return None
        server = cls.servers.pop(start)
        if not server:
            running = [each for each, server in cls.servers.items() if server]
            if len(running) >= MAXIMUM:
                cls.servers.pop(running[0]).close()
            server = ForkServer(start)
        cls.servers[start] = server  # as the last of them
        folder = {"-m": given.cwd, "-c": given.cwd}.get(program.kind) or os.path.dirname(
            os.path.realpath(os.path.join(given.cwd, program.text))
        )
        return server if server.is_usable and not server.has_other(folder) else None


def program_of(given: SimpleNamespace) -> Program | None:
    """Return the program to fork; None if this start asks for anything that a fork cannot have."""
    if isinstance(given.args, (str, bytes, os.PathLike)) or given.args[0] != sys.executable:
        return None
    if any(getattr(given, name) != value for name, value in PLAIN.items()):
        return None
    try:
        [os.fstat(number) for number in range(3)]
    except OSError:  # one is closed
        return None
    words = [os.fsdecode(word) for word in given.args[1:]]
    flags = list(takewhile(lambda word: word in FLAGS, words))
    words = words[len(flags) :]
    if (len(words) > 1 and words[0] == "-c") or words[:2] == ["-m", "ganspec"]:
        program = Program(tuple(flags), words[0], words[1], tuple(words[2:]))
    elif words and words[0].endswith(".py") and os.path.isfile(Path(given.cwd, words[0])):
        program = Program(tuple(flags), "file", words[0], tuple(words[1:]))
    else:
        return None
    paths = given.env.get("PYTHONPATH", "/").split(os.pathsep)
    return program if all(map(os.path.isabs, paths)) and os.access(given.cwd, os.X_OK) else None


def start_of(program: Program, given: SimpleNamespace) -> Start:
    """Return how an interpreter starts for `program`."""
    numbers = signal.valid_signals()
    ignored = (number for number in numbers if signal.getsignal(number) == signal.SIG_IGN)
    limits = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
    return Start(
        program.flags,
        (*LIBRARIES, *(ganspec_modules() if program.text == "ganspec" else ())),
        frozenset(item for item in given.env.items() if not READ_LATE.fullmatch(item[0])),
        frozenset({*ignored, *signal.pthread_sigmask(signal.SIG_BLOCK, ())}),
        tuple(map(resource.getrlimit, limits)),
    )


@cache
def ganspec_modules() -> tuple[str, ...]:
    """Return the modules of ganspec, without those that need large optional packages."""
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "ganspec").rglob("*.py"))
        if path.stem not in ("__init__", "__main__")
    ]
    return tuple(name for name in names if not name.startswith(LARGE))


def own_environment() -> dict[bytes, bytes]:
    """Return the environment that new processes inherit.

    `os.environ` lacks what libraries of C add, such as COLUMNS, which readline sets.
    """
    entries = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
    return dict(entry.split(b"=", 1) for entry in takewhile(bool, entries))


def current_umask() -> int:
    return int(re.search(r"^Umask:\s*(\d+)", Path("/proc/self/status").read_text(), re.M)[1], 8)


def fork_programs() -> None:
    """Have servers fork programs from now on, if this system can."""
    parameters = tuple(inspect.signature(TrueProcess._execute_child).parameters)[1:]
    if sys.platform == "linux" and parameters == PARAMETERS:
        subprocess.Popen = Popen


def close_servers() -> None:
    subprocess.Popen = TrueProcess
    for server in filter(None, Popen.servers.values()):
        server.close()
    Popen.servers.clear()
