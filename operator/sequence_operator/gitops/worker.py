"""Running the git child process from the operator, with a limit on its time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

from sequence_operator.gitops.errors import GitError, cleaned
from sequence_operator.gitops.protocol import Request, Seen, decode_answer

_ANSWER_BYTES = 64 << 20
_COMMAND = (sys.executable, "-I", "-m", "sequence_operator.gitops.child")


class GitWorker:
    """Looks at repositories, some at a time: each look is a Python process and git."""

    def __init__(self, *, at_once: int = 4) -> None:
        self._slots = asyncio.Semaphore(at_once)

    async def look(self, request: Request) -> Seen:
        """Raises GitError; Timeout among its reasons."""
        async with self._slots:
            return await _look(request)


async def _look(request: Request) -> Seen:
    child = await asyncio.create_subprocess_exec(
        *_COMMAND,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=_ANSWER_BYTES,
    )
    try:
        async with asyncio.timeout(request.bounds.seconds):
            out, said = await child.communicate(request.encode())
    except TimeoutError:
        raise GitError(
            "Timeout",
            f"{request.url}: no answer within {request.bounds.seconds:g} s",
            "is the server slow, or the repository large?",
        ) from None
    finally:
        if child.returncode is None:
            # Its group, for git and ssh belong to it. Once it has ended, its number may be somebody else's.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
    try:
        return decode_answer(out)
    except (ValueError, KeyError, TypeError):
        last = cleaned(said.decode(errors="replace"), request.secret.values())
        raise GitError(
            "GitChildFailed", f"the git process ended with {child.returncode}: {last}", "it is tried again"
        ) from None
