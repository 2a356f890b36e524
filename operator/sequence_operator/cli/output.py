"""Data on stdout, in the form the user chose. Commands build a `View`; this prints it."""

import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

from sequence_operator.cli.globals import Format
from sequence_operator.cli.terminal import plain

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class View:
    """One answer in all its forms.

    `columns` and `rows` are the table (cells may carry ANSI colour); `wide` says how many of the columns are
    left out unless `-o wide` (the last ones); `text`, when given, replaces the table; `data` is what `-o
    json` and `-o yaml` print (plain JSON types, its "schema" key names and numbers its shape); `names` is one
    line each for `-o name`.
    """

    data: dict[str, object]
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    wide: int = 0
    names: Sequence[str] = ()
    text: str = ""
    empty: str = field(default="nothing to show")


def show(view: View, form: Format) -> None:
    """Print `view` on stdout in the chosen form."""
    sys.stdout.write(render(view, form))
    sys.stdout.flush()


def render(view: View, form: Format) -> str:
    """The text that `show` prints, ending in a newline unless there is nothing."""
    if form == "json":
        return json.dumps(view.data, indent=2, ensure_ascii=False) + "\n"
    if form == "yaml":
        import yaml

        return yaml.safe_dump(view.data, sort_keys=False, allow_unicode=True, width=110)
    if form == "name":
        return "".join(f"{name}\n" for name in view.names)
    if view.text:
        return view.text.rstrip("\n") + "\n"
    if not view.rows:
        return view.empty + "\n"
    shown = len(view.columns) - (0 if form == "wide" else view.wide)
    return table([c.upper() for c in view.columns[:shown]], [row[:shown] for row in view.rows])


def table(header: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Columns two spaces apart, as wide as their widest cell; colour does not count as width."""
    lines = [list(header), *[list(row) for row in rows]] if header else [list(row) for row in rows]
    widths = [max(_width(line[i]) for line in lines) for i in range(len(lines[0]))]
    printed = []
    for line in lines:
        cells = [cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)]
        printed.append((indent + "  ".join(cells)).rstrip() + "\n")
    return "".join(printed)


def facts(rows: Sequence[tuple[str, str]]) -> str:
    """A label and a text a line; on a terminal a long text goes on below its beginning, elsewhere lines stay whole."""
    labels = max(_width(label) for label, _ in rows)
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    room = columns - labels - 2
    wrapped = []
    for label, text in rows:
        lines = []
        for part in text.split("\n"):
            fits = room < 20 or _width(part) <= room
            lines += (
                [part] if fits else textwrap.wrap(part, room, break_long_words=False, break_on_hyphens=False)
            )
        wrapped += list(zip([label] + [""] * (len(lines) - 1), lines, strict=True))
    return table([], wrapped)


def count(number: int, thing: str) -> str:
    """`1 fill`, `1,200 fills`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def harmless(data: T) -> T:
    """JSON data with every text in it made plain, its line breaks kept: others wrote it."""
    if isinstance(data, str):
        return cast(T, "\n".join(map(plain, data.split("\n"))))
    if isinstance(data, dict):
        return cast(T, {key: harmless(value) for key, value in data.items()})
    return cast(T, [harmless(item) for item in data]) if isinstance(data, list) else data


def colon(text: str) -> str:
    """The text behind a colon, or nothing."""
    return f": {text}" if text else ""


def _width(cell: str) -> int:
    import click

    return len(click.unstyle(cell))
