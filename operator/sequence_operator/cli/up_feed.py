"""What `sequence up --feed` takes, checked before anything is started."""

from pathlib import Path

from sequence_operator.cli.errors import CliError, ExitCode


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
