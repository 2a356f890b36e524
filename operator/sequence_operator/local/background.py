"""The background process of `sequence up --detach`: runs the stack and reports over a pipe until it is ready."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from sequence_operator.local import session
from sequence_operator.local.errors import LocalError
from sequence_operator.local.options import Options
from sequence_operator.local.runfile import RunState


class ReportTalk:
    """Lines to the log with the time, and, while somebody listens, to the command that started us."""

    def __init__(self, pipe: int) -> None:
        self._pipe: int | None = pipe

    def say(self, line: str) -> None:
        print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}", file=sys.stderr, flush=True)
        self.report(say=line)

    def report(self, **content: object) -> None:
        if self._pipe is None:
            return
        try:
            os.write(self._pipe, json.dumps(content).encode() + b"\n")
        except BrokenPipeError:
            self.close()  # the command is gone; the log remains

    def close(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None


def main(arguments: list[str]) -> int:
    """Arguments: number of the pipe, state folder, options as JSON, binary ("" for the user's cluster)."""
    pipe, state_dir, options, binary = arguments
    os.set_inheritable(int(pipe), False)
    talk = ReportTalk(int(pipe))

    async def on_ready(run: RunState) -> None:
        talk.report(ready=True)
        talk.close()

    request = session.Request(
        Path(state_dir), Options.from_json(json.loads(options)), Path(binary) if binary else None
    )
    try:
        session.run_here(request, talk, on_ready)
    except LocalError as problem:
        print(problem.render(), file=sys.stderr, flush=True)
        talk.report(error=problem.error, cause=problem.cause, hint=problem.hint, exit_code=problem.exit_code)
        return problem.exit_code
    except KeyboardInterrupt:  # ended by a signal before it was ready
        return 130
    finally:
        talk.close()
    return 0
