"""From panels to lines of styled text of a given width: shared by the terminal view and its tests."""

from rich.text import Text

from sequence_operator.cli.terminal import plain
from sequence_operator.cli.watch.panels import Panel, fitted

STYLES = {
    "": "",
    "good": "green",
    "bad": "bold red",
    "warn": "yellow",
    "dim": "dim",
    "bold": "bold",
    "buy": "green",
    "sell": "magenta",
}
"""Colours by name, so that a terminal shows them as its own theme has them, light or dark."""


def body(panel: Panel, width: int, height: int, top: int = 0, selected: int | None = None) -> list[Text]:
    """Column titles and as many lines as fit below them, from `top` on; `selected` is a number of a line."""
    if not panel.lines:
        return [Text(panel.empty, "dim")]
    kept, widths = fitted(panel, width - 2)
    head = Text("  ")
    for index, size in zip(kept, widths, strict=True):
        title = panel.columns[index].title.upper()
        head.append((title.rjust(size) if panel.columns[index].right else title.ljust(size)) + "  ", "dim")
    rows = [_cut(head, width)]
    for number, line in enumerate(panel.lines[top : top + max(0, height - 1)], top):
        row = Text("> " if number == selected else "  ")
        for index, size in zip(kept, widths, strict=True):
            cell = line.cells[index]
            text = plain(cell.text)
            text = text.rjust(size) if panel.columns[index].right else text.ljust(size)
            row.append(text + "  ", STYLES[cell.style])
        if number == selected:
            row.stylize("reverse")
        rows.append(_cut(row, width))
    return rows


def title(text: str, width: int, *, focused: bool, unicode: bool) -> Text:
    """The line above a panel: `── orders and fills ───────`, bold where the keys go."""
    rule = "─" if unicode else "-"
    mark = ("▶ " if unicode else "> ") if focused else ""
    line = Text(f"{rule * 2} ", "dim")
    line.append(f"{mark}{text}", "bold" if focused else "")
    line.append(f" {rule * max(0, width - len(line) - 1)}", "dim")
    return _cut(line, width)


def _cut(line: Text, width: int) -> Text:
    line.rstrip()
    if len(line) > width:
        line.truncate(width, overflow="ellipsis")
    return line
