"""A process that has imported a program and becomes it, again and again, by forking: run as a script, see `forked`.

    template.py FD MODULE [PRELOAD…]

FD: a Unix socket of whole messages. Each is a request (JSON: argv, env, cwd) with four descriptors: standard input,
output and error of the new process, and where its pid and, later, its exit code are written, a line each.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import io
import json
import os
import runpy
import signal
import socket
import sys
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve requests until the other end is closed."""
    line, module = socket.socket(fileno=int(sys.argv[1])), sys.argv[2]
    for name in [f"{module}.__main__", *sys.argv[3:]]:
        importlib.import_module(name)
    threads = len(os.listdir("/proc/self/task"))
    assert threads == 1, f"importing {module} starts {threads - 1} threads: a fork would lack them"
    gc.freeze()  # the collector must not write into pages that all share
    while True:
        message, descriptors, _, _ = socket.recv_fds(line, 1 << 20, 4)
        _reap()
        if not message:
            return
        if os.fork() == 0:
            line.close()
            _keep(module, json.loads(message), descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        return


def _keep(module: str, request: dict[str, Any], descriptors: list[int]) -> None:
    """Fork once more and tell what becomes of it, since only a parent learns the exit code."""
    _die_with_parent()
    *streams, told = descriptors
    pid = os.fork()
    if pid == 0:
        os.close(told)
        _become(module, request, streams)
    for stream in streams:
        os.close(stream)
    os.write(told, b"%d\n" % pid)
    _, status = os.waitpid(pid, 0)
    os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(module: str, request: dict[str, Any], streams: list[int]) -> None:
    """Be the program: what it does with its interpreter from here on is its own."""
    _die_with_parent()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "r")), "utf-8")
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(1, "w")), "utf-8", write_through=unbuffered, line_buffering=unbuffered
    )
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(2, "w")), "utf-8", "backslashreplace", line_buffering=True
    )
    sys.argv = request["argv"]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.argv[0]:  # a script of that name, which calls `main`
        sys.modules[f"{module}.__main__"].main()  # type: ignore[attr-defined]
    else:
        del sys.modules[f"{module}.__main__"]  # it runs now
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit(0)


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
