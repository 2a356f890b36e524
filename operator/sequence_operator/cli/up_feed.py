"""What `sequence up --feed`, `--latency` and `--fees` take, checked before anything is started."""

import re
from pathlib import Path
from typing import Final

from sequence_operator.cli.errors import CliError, ExitCode

_MS: Final = r"\d+(\.\d+)?"
_LATENCY: Final = re.compile(rf"none|venue|constant:{_MS}(,{_MS},{_MS})?|table:.+")


def absolute(feed: str) -> str:
    """A file named from here, named from anywhere: the parts run elsewhere."""
    kind, _, name = feed.partition(":")
    path = Path(name).expanduser()
    return f"{kind}:{path.absolute()}" if kind == "replay" and (path.is_file() or "/" in name) else feed


def check(feed: str, record: Path | None, *, simulated: bool) -> None:
    """Raises CliError (usage) for what no edge would take."""
    kind, _, name = feed.partition(":")
    if kind not in ("generated", "live", "replay") or (name and kind != "replay"):
        raise CliError(
            f"there is no feed {feed!r}",
            "a feed is generated, live, replay, or replay:FILE with a recording that --record made",
            "sequence up --feed generated",
            ExitCode.USAGE,
        )
    if "/" in name and not Path(name).expanduser().is_file():
        raise CliError(
            f"there is no recording {name}", "", "sequence up --feed live --record DIR", ExitCode.NOT_FOUND
        )
    if kind == "live" and simulated:
        raise CliError(
            "a live feed goes at the pace of time and has no gate and no end",
            "--pace, --gate and --feed-until are for data that is generated or recorded",
            "sequence up --feed live",
            ExitCode.USAGE,
        )
    if record is not None and kind != "live":
        raise CliError(
            "only a live feed can be recorded", "", "sequence up --feed live --record DIR", ExitCode.USAGE
        )


def absolute_table(words: str) -> str:
    """A table of latencies or fees named from here, named from anywhere."""
    kind, _, name = words.partition(":")
    return f"table:{Path(name).expanduser().absolute()}" if kind == "table" else words


def check_latency(latency: str) -> None:
    """Raises CliError (usage) for what no edge would take; what is in a table, edges look at themselves."""
    if not _LATENCY.fullmatch(latency):
        raise CliError(
            f"there is no latency profile {latency!r}",
            "a profile is none, venue, constant:MS, constant:FEED,ENTRY,RESPONSE (milliseconds), or table:FILE",
            "sequence up --latency venue",
            ExitCode.USAGE,
        )
    kind, _, name = latency.partition(":")
    if kind == "table" and not Path(name).expanduser().is_file():
        raise CliError(
            f"there is no table of latencies {name}", "", "sequence up --latency venue", ExitCode.NOT_FOUND
        )


def check_fees(fees: str) -> None:
    """Raises CliError (usage) for what no edge would take; what is in a table, edges look at themselves."""
    kind, _, name = fees.partition(":")
    if fees not in ("base", "tiers") and not (kind == "table" and name):
        raise CliError(
            f"there are no fees {fees!r}",
            "fees are base (the venues' entry rates), tiers (by the volume of 30 days) or table:FILE",
            "sequence up --fees tiers",
            ExitCode.USAGE,
        )
    if kind == "table" and not Path(name).expanduser().is_file():
        raise CliError(
            f"there is no table of fees {name}", "", "sequence up --fees tiers", ExitCode.NOT_FOUND
        )
