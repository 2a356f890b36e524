"""A platform that lacks what a command reads: said as such, not as an error of the request."""

from collections.abc import Iterator
from contextlib import contextmanager

from sequence_operator.cli.errors import CliError, ExitCode

_NO_SUCH_PATH = (404, 405, 501)


@contextmanager
def offered(what: str, hint: str = "") -> Iterator[None]:
    """Turn "no such path" into CliError "this platform has no `what`"; a 404 that names a field into "not found"."""
    from sequence_operator.platform import PlatformError

    try:
        yield
    except PlatformError as problem:
        if problem.status == 404 and problem.field:
            raise CliError(problem.message, "", hint, ExitCode.NOT_FOUND) from None
        if problem.status not in _NO_SUCH_PATH:
            raise
        fix = "`sequence up` runs one on this machine that has"
        raise CliError(f"this platform has no {what}", problem.message, fix) from None
