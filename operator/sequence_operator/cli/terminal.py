"""Talk to the person at the terminal: stderr lines, and colour only where it is welcome."""

import os
import sys
from typing import TextIO

import click


def coloured(stream: TextIO) -> bool:
    """NO_COLOR wins over CLICOLOR_FORCE, which wins over what the stream is; TERM=dumb gets none."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("CLICOLOR_FORCE", "0") != "0":
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def paint(text: str, stream: TextIO, fg: str | None = None, *, bold: bool = False, dim: bool = False) -> str:
    """`text` with ANSI style when `stream` takes colour; colours as click.style names them."""
    return click.style(text, fg=fg, bold=bold or None, dim=dim or None) if coloured(stream) else text


def unicode(stream: TextIO) -> bool:
    """Whether bars, dots and µ arrive as such."""
    try:
        "█µ·".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def folded(text: str, stream: TextIO) -> str:
    """`text` in characters that `stream` can take."""
    if unicode(stream):
        return text
    return text.replace("µ", "u").replace("·", "-").encode("ascii", "replace").decode("ascii")


def say(text: str = "") -> None:
    """One line of talk: progress, context, what is next. Never data."""
    print(text, file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """A line a person should not overlook, though the command goes on."""
    say(paint("warning:", sys.stderr, fg="yellow", bold=True) + " " + text)


def interactive() -> bool:
    """May we ask a question? Only when both ends of the conversation are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def plain(text: str) -> str:
    """What others wrote must not steer the terminal: control characters are shown, not sent."""
    return "".join(c if c.isprintable() or c == "\t" else repr(c)[1:-1] for c in text)
