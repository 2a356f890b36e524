"""Become a command that the kernel ends when the parent dies. Run by path: ``launch.py PARENT_PID COMMAND…``.

A ``preexec_fn`` would do the same inside a forked copy of a threaded interpreter, which is not safe. Only the standard
library is imported, so that it starts in a moment.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def _become(parent: int, argv: list[str]) -> None:
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it died before the request: nobody would tell us any more
        sys.exit(1)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - becoming the command is what this program is for
    except OSError as failure:
        print(f"error: {argv[0]} cannot be started\ncause: {failure.strerror}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    _become(int(sys.argv[1]), sys.argv[2:])
