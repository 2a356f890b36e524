"""Runs of edges repeated on this machine: the file from the platform, and the child process that works it off."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from sequence_operator.cli.connect import platform
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.globals import Globals
from sequence_operator.cli.lacking import offered

Json = dict[str, Any]

_PATIENCE_SECONDS = 3600
_CONFLICT, _INVALID = 409, 422
_USAGE = 3
"""How the child ends when it was asked for something that there is not."""


def check_installed(what: str) -> None:
    """Raises CliError: `what` needs the part of us that runs algos."""
    if importlib.util.find_spec("sequence_paper") is None:
        raise CliError(
            f"{what} is repeated on this machine, which lacks what that takes",
            "the package sequence-operator is installed without its extra `paper`",
            "pip install 'sequence-operator[paper]'",
        )


async def fetch(flags: Globals, query: dict[str, str], example: str) -> bytes:
    """Raises CliError: nothing of that name, no such path, a wrong word, or a run that cannot be repeated."""
    from sequence_operator.platform import PlatformError

    async with platform(flags.resolve(), flags.mode) as remote:
        with offered("capsules", "sequence status   (lists the deployments)"):
            try:
                return await remote.capsule(query)
            except PlatformError as problem:
                if problem.status == _INVALID:
                    raise CliError(problem.message, "", example, ExitCode.USAGE) from None
                if problem.status != _CONFLICT:
                    raise
                raise CliError(
                    "this run cannot be repeated exactly, so there is no capsule of it",
                    problem.message,
                    "docs/capsules.md says what can be captured",
                    ExitCode.CONFLICT,
                ) from None


def repeat(draft: Path, *words: str) -> Json:
    """Work a file off in a process of its own; its answer. Raises CliError."""
    command = [sys.executable, "-m", "sequence_paper.replay", *words, str(draft)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        raise CliError(
            f"the repetition was not through after {_PATIENCE_SECONDS // 60} minutes",
            "it begins where the edge began",
            "restart the edge, and ask about an order of its new run",
        ) from None
    if done.returncode:
        raise _failed(done.stderr, ExitCode.USAGE if done.returncode == _USAGE else ExitCode.FAILED)
    answer: Json = json.loads(done.stdout)
    return answer


def _failed(said: str, code: ExitCode) -> CliError:
    """What the replay said, in the form of the CLI."""
    parts = dict(re.findall(r"^(error|cause|hint): +(.*)$", said, re.MULTILINE))
    return CliError(
        parts.get("error", "the run cannot be repeated"),
        parts.get("cause", "" if "error" in parts else said[-500:]),
        parts.get("hint", "an order id of a shorter, newer run may do: restart the edge, and try again"),
        code,
    )
