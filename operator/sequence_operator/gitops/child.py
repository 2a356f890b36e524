"""The git child process: one request on standard input, one answer on standard output.

A process of its own because what it reads is foreign, git can take long, and GitPython's import costs memory that
the operator does not need. Its limits hold for git, too.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys

from sequence_operator.gitops.errors import GitError
from sequence_operator.gitops.protocol import Request, encode_error, encode_seen
from sequence_operator.starting import importing

_ADDRESS_SPACE = 3 << 30  # bytes; a thousand algos and their tarballs take about 200 MiB
_KEPT = (
    "PATH",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "REQUEST_METHOD",
)
_PR_SET_PDEATHSIG = 1


def main() -> int:
    raw = sys.stdin.buffer.read()
    answers, sys.stdout = os.fdopen(os.dup(1), "wb"), sys.stderr  # nothing else may end up in the answer
    try:
        answer = _answered(Request.decode(raw))
    except GitError as problem:
        answer = encode_error(problem)
    with contextlib.suppress(BrokenPipeError), answers:  # the operator ended meanwhile
        answers.write(answer)
    return 0


def _answered(request: Request) -> bytes:
    _limit(request)
    _scrub()
    with importing():  # GitPython: only now, with limits and without an environment
        from sequence_operator.gitops.look import look

    try:
        return encode_seen(look(request))
    except MemoryError:
        raise GitError(
            "TooLarge", "the repository takes more memory than one look may", "keep data out of it"
        ) from None
    except OSError as problem:
        raise GitError(
            "CacheFailed",
            f"{problem.filename or 'the cache'}: {problem.strerror}",
            "look at --git-cache of the operator",
        ) from None


def _limit(request: Request) -> None:
    """Limits of this process and of git. The time limit is the operator's; the alarm is for its sudden end."""
    with contextlib.suppress(AttributeError, OSError):  # Linux only; elsewhere the alarm has to do
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.alarm(int(request.bounds.seconds) + 5)
    for what, limit in (
        (resource.RLIMIT_AS, _ADDRESS_SPACE),
        (resource.RLIMIT_CPU, int(request.bounds.seconds) + 5),
        (resource.RLIMIT_FSIZE, request.bounds.pack_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        value = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(what, (value, value))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # for us it is an OSError; git gets its default back


def _scrub() -> None:
    """Take everything out of the environment that could steer git, ssh, gpg or curl, but the proxies."""
    for name in list(os.environ):
        if name not in _KEPT and not name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ["GIT_PYTHON_REFRESH"] = "quiet"


if __name__ == "__main__":
    sys.exit(main())
