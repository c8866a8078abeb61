"""A process that has imported slow libraries, and forks itself for each program that a test starts.

`forking.py` starts it with a socket and the names of modules to import. Each request comes with
four files: the request as JSON, and the program's standard input, output and error. The answer is
the id of a process that is a child of the one that asks. It runs the program as a new interpreter
would: its exit status, tracebacks and last flushes are the interpreter's own.
"""

import atexit
import ctypes
import gc
import importlib
import io
import json
import os
import random
import runpy
import signal
import socket
import sys
import time
from importlib.machinery import SourceFileLoader
from types import ModuleType

IMPORTED: dict[str, ModuleType] = {}  # by the server


def serve(channel: socket.socket, imports: list[str]) -> dict:
    """Answer requests for ever. Return the request in each child that should run a program."""
    atexit.register(keep_modules)  # first, and so the last to be called
    before = set(sys.modules)
    for name in imports:
        importlib.import_module(name)
    IMPORTED.update((name, sys.modules[name]) for name in sys.modules.keys() - before)
    gc.collect()
    gc.freeze()  # a child then leaves most memory shared
    places = {name: getattr(sys.modules[name], "__file__", None) for name in sys.modules}
    threads = len(os.listdir("/proc/self/task"))
    channel.sendall(json.dumps({"threads": threads, "modules": places}).encode() + b"\n")
    # Ctrl-C in a terminal is for the tests, and for the programs
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        sent, files, _, _ = socket.recv_fds(channel, 1, 4)
        if not sent:
            os._exit(0)  # the tests have ended
        between = os.fork()
        if not between:
            request = take_over(files)
            signal.signal(signal.SIGINT, handler)
            channel.sendall(b"%d\n" % os.getpid())
            channel.close()
            return request
        for file in files:
            os.close(file)
        os.waitpid(between, 0)


def take_over(files: list[int]) -> dict:
    """Fork again, with all that a new process has from its parent. Return the request."""
    leave_parent()
    with open(files[0], encoding="utf-8") as file:
        file.seek(0)
        request = json.load(file)
    for number, file in enumerate(files[1:]):
        os.dup2(file, number)
        os.close(file)
    os.umask(request["umask"])
    if request["new_session"]:
        os.setsid()
    if request["process_group"] >= 0:
        os.setpgid(0, request["process_group"])
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    return request


def leave_parent() -> None:
    """Go on in a child, and end its parent, so that the process that asks becomes its parent."""
    parent = os.getpid()
    if os.fork():
        os._exit(0)
    while os.getppid() == parent:
        time.sleep(0.0005)


def start_anew(command: list[str]) -> None:
    """Replace all that an interpreter makes when it starts."""
    sys.stdin, sys.stdout, sys.stderr = (
        open_stream(number, getattr(sys, name))
        for number, name in enumerate(("stdin", "stdout", "stderr"))
    )
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    random.seed()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    if torch := sys.modules.get("torch"):
        torch.default_generator.seed()
    sys.orig_argv[:] = command
    importlib.invalidate_caches()


def open_stream(number: int, server_stream: io.TextIOWrapper) -> io.TextIOWrapper:
    """Return a standard stream as CPython's `create_stdio` makes it."""
    mode = "w" if number else "r"
    is_unbuffered = server_stream.write_through and mode == "w"
    buffering = 0 if is_unbuffered else -1
    binary = open(number, mode + "b", buffering, closefd=False)  # noqa: SIM115 - stays open
    raw = binary if is_unbuffered else binary.raw
    raw.name = server_stream.name
    stream = io.TextIOWrapper(
        binary,
        server_stream.encoding,
        server_stream.errors,
        newline="\n",
        line_buffering=not server_stream.write_through and (number == 2 or raw.isatty()),
        write_through=server_stream.write_through,
    )
    stream.mode = mode
    return stream


def run_program(kind: str, program: str, arguments: list[str]) -> None:
    """Run `python -m`, `python -c` or `python FILE` in a new module `__main__`."""
    main = sys.modules["__main__"] = ModuleType("__main__")
    main.__dict__.update(__builtins__=sys.modules["builtins"], __annotations__={})
    if kind == "-m":
        folder, sys.argv = os.getcwd(), ["-m", *arguments]
    elif kind == "-c":
        folder, sys.argv = "", ["-c", *arguments]
    else:
        folder, sys.argv = os.path.dirname(os.path.realpath(program)), [program, *arguments]
    if not sys.flags.safe_path:
        sys.path.insert(0, folder)
    if kind == "-m":
        runpy._run_module_as_main(program)  # what the interpreter itself calls
        return
    place, text = "<string>", program
    if kind == "file":
        place = os.path.join(os.getcwd(), program)
        main.__file__, main.__cached__ = place, None
        main.__loader__ = SourceFileLoader("__main__", place)
        with open(place, "rb") as file:
            text = file.read()
    exec(compile(text, place, "exec", dont_inherit=True), main.__dict__)


def keep_modules() -> None:
    """Leave the modules that the server imported out of the interpreter's last clearing.

    That would take longer than many a program, since it writes to memory that is shared until
    then. Objects of the program, such as its open files, are cleared as ever.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(dict(IMPORTED)))
    for name in IMPORTED:
        sys.modules.pop(name, None)


def leave_libraries() -> None:
    """Have libc's `exit` end the process before it calls destructors of torch, for like reason."""
    libc = ctypes.CDLL(None)
    # what is registered last is called first: flush the streams of C, then end with the status
    for function in (libc._exit, libc.fcloseall):
        libc.on_exit(function, None)


def hide_server() -> None:
    """Leave the frames of this file out of the traceback that the interpreter is about to print."""
    shown = sys.excepthook

    def hook(kind, error, trace):
        while trace and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        shown(kind, error.with_traceback(trace), trace)

    sys.excepthook = hook


if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # the folder of this file
    own_globals = sys.modules["__main__"]  # kept, since these functions need its names
    request = serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
    start_anew(request["command"])
    leave_libraries()
    try:
        run_program(request["kind"], request["text"], request["arguments"])
    except SystemExit:
        raise
    except BaseException:
        hide_server()
        raise
