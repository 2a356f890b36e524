"""The four panels as rows of cells: what is in them, in which order, and what is left out when it is narrow.

No terminal here: a cell is a text and the name of a style, and the view or a test turns them into what it likes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sequence_operator.cli.amounts import age, micros, money, price, quantity
from sequence_operator.cli.output import count
from sequence_operator.cli.watch.filters import Filter
from sequence_operator.cli.watch.model import OPEN, Edge, Model
from sequence_operator.cli.watch.spark import sparkline

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """`style`: "", "good", "bad", "warn", "dim", "buy", "sell" or "bold"."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One row. `key`: an order id where `t` can trace something, else empty; `label`: the instance, for `-l`."""

    cells: tuple[Cell, ...]
    key: str = ""
    label: str = ""

    @property
    def text(self) -> str:
        """All words, for the filter."""
        return " ".join(cell.text for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Column:
    """`rank`: what is left out first when the panel is narrow has the greatest; `right`: aligned so.

    `cut`: so many characters of it are enough, the rest may be cut off (only the last column).
    """

    title: str
    rank: int = 0
    right: bool = False
    cut: int = 0


@dataclass(frozen=True, slots=True)
class Panel:
    """A titled table. `empty`: what it says when there is no line."""

    title: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    empty: str


def _seconds(ns: int | None) -> str:
    if ns is None:
        return "-"
    second = ns // 1_000_000_000 % 86_400
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{ns // 1_000_000 % 1000:03d}"


# -- orders and fills ------------------------------------------------------------------------------------------------

_TRADING = (
    Column("time"),
    Column("what"),
    Column("label", 2),
    Column("venue", 5),
    Column("symbol", 3),
    Column("side"),
    Column("qty", 0, right=True),
    Column("price", 0, right=True),
    Column("filled", 1, right=True),
    Column("detail", 4, cut=16),
)
_STATUS = {"FILLED": "good", "REJECTED": "bad", "CANCELLED": "dim", "PARTIAL": "warn"}


def trading(model: Model, chosen: Filter) -> Panel:
    """Orders at their newest state and fills, newest first, by feed time."""
    rows: list[tuple[int, int, Line]] = []
    for number, order in enumerate(model.orders.values()):
        rows.append((int(order.get("updated_ns") or 0), number, _order(order)))
    for number, fill in enumerate(model.fills):
        rows.append((int(fill.get("ts_ns") or 0), number, _fill(fill)))
    rows.sort(key=lambda row: row[:2], reverse=True)
    lines = tuple(line for _, _, line in rows if chosen.fits(line.text, line.label))
    title = f"orders and fills · {model.open_orders} open · {count(len(model.fills), 'fill')}"
    return Panel(title, _TRADING, lines, _nothing("no order yet", bool(rows)))


def _order(row: Json) -> Line:
    status = str(row.get("status"))
    limit = row.get("price_1e9")
    detail = row.get("failure_reason") or str(row.get("tif") or "")
    return _trade_line(row, "order", limit, quantity(row.get("filled_qty_1e8")), f"{status} {detail}", status)


def _fill(row: Json) -> Line:
    detail = f"{row.get('liquidity')} fee {money(row.get('fee_1e9'))}"
    return _trade_line(row, "fill", row.get("price_1e9"), "", detail, "")


def _trade_line(row: Json, what: str, px: int | None, filled: str, detail: str, status: str) -> Line:
    side = str(row.get("side"))
    label = str(row.get("label") or "-")
    word = status.lower().replace("_", " ") if status else what
    style = "good" if what == "fill" else _STATUS.get(status, "bold" if status in OPEN else "")
    cells = (
        Cell(_seconds(row.get("ts_ns") if what == "fill" else row.get("updated_ns")), "dim"),
        Cell("part filled" if word == "partially filled" else word, style),
        Cell(label),
        Cell(str(row.get("venue") or "-")),
        Cell(str(row.get("symbol") or "-")),
        Cell(side, side if side in ("buy", "sell") else ""),
        Cell(quantity(row.get("qty_1e8"))),
        Cell("market" if px is None else price(px)),
        Cell(filled, "" if filled not in ("", "0") else "dim"),
        Cell(detail.split(" ", 1)[1] if status else detail, "dim"),
    )
    return Line(cells, str(row.get("order_id") or row.get("node_order_id") or ""), label)


# -- edges -----------------------------------------------------------------------------------------------------------

_EDGES = (
    Column("edge"),
    Column("label"),
    Column("state"),
    Column("feed", 3),
    Column("p50", 1, right=True),
    Column("p99", 0, right=True),
    Column("p99 per second", 2),
)
FRESH_SECONDS = 2.0


def edges(model: Model, chosen: Filter, now: float, *, width: int = 24, unicode: bool = True) -> Panel:
    """One line an instance: where it runs, whether it is there, how long its callbacks take."""
    lines = []
    for instance in model.instances:
        edge = model.edges.get(str(instance.get("edge_id")))
        line = _edge(instance, edge, now, width, unicode)
        if chosen.fits(line.text, line.label):
            lines.append(line)
    title = "edges · callback latency"
    return Panel(title, _EDGES, tuple(lines), _nothing("no instance", bool(model.instances)))


def _edge(instance: Json, edge: Edge | None, now: float, width: int, unicode: bool) -> Line:
    latency = (edge.row.get("callback_latency_ns") if edge else None) or {}
    state, style = _edge_state(instance, edge, now)
    feed = (edge.row.get("feed") or {}).get("state", "-") if edge else "-"
    label = str(instance.get("label"))
    cells = (
        Cell(str(instance.get("edge_id") or instance.get("venue")).removeprefix("venue-edge-")),
        Cell(label),
        Cell(state, style),
        Cell(str(feed), "" if feed in ("live", "-") else "warn"),
        Cell(micros(latency.get("p50"))),
        Cell(micros(latency.get("p99"))),
        Cell(sparkline(edge.p99 if edge else (), width, unicode=unicode), "good"),
    )
    return Line(cells, "", label)


def _edge_state(instance: Json, edge: Edge | None, now: float) -> tuple[str, str]:
    """The instance's own state, unless its edge is not there to have one."""
    if edge is not None and not edge.row.get("alive"):
        return "EDGE GONE", "bad"
    if edge is not None and now - edge.heard > FRESH_SECONDS:
        return f"told {age(edge.heard, now)} ago", "warn"
    status = str(instance.get("status") or "-")
    style = {"running": "good", "paused": "bad", "rejected": "bad"}.get(status, "warn")
    reason = instance.get("pause_reason") or instance.get("error")
    return (f"{status}: {reason}" if reason else status), style


# -- mesh ------------------------------------------------------------------------------------------------------------

_MESH = (
    Column("from"),
    Column("to"),
    Column("p50", 0, right=True),
    Column("p99", 1, right=True),
    Column("messages", 0, right=True),
    Column("dropped", 2, right=True),
    Column("last message", 3, cut=12),
)


def mesh(model: Model, chosen: Filter) -> Panel:
    """One line a pair of instances, with the last message that passed between them."""
    last = {(flow.get("from"), flow.get("to")): flow for flow in model.flows}
    lines = []
    for row in model.links:
        line = _pair(row, last.get((row.get("from"), row.get("to"))))
        if chosen.fits(line.text, line.label):
            lines.append(line)
    title = f"mesh · {count(model.flow_count, 'message')} seen"
    return Panel(title, _MESH, tuple(lines), _nothing("no pair of instances", bool(model.links)))


def _pair(row: Json, flow: Json | None) -> Line:
    messages = row.get("messages") or row
    dropped = row.get("dropped") or 0
    silent = row.get("allowed") is False
    cells = (
        Cell(str(row.get("from"))),
        Cell(str(row.get("to"))),
        Cell(micros(row.get("p50_ns"))),
        Cell(micros(row.get("p99_ns"))),
        Cell("no route" if silent else f"{messages.get('count') or 0:,}", "dim" if silent else ""),
        Cell(f"{dropped:,}", "bad" if dropped else "dim"),
        Cell(_last(flow), "bad" if flow and flow.get("dropped") else "dim"),
    )
    return Line(cells, "", str(row.get("from")))


def _last(flow: Json | None) -> str:
    if flow is None:
        return "-"
    fate = "dropped" if flow.get("dropped") else micros(flow.get("latency_ns"))
    return f"{_seconds(flow.get('at_ns'))} {flow.get('bytes')} bytes, {fate}"


# -- logs ------------------------------------------------------------------------------------------------------------

_LOGS = (Column("time"), Column("level"), Column("label", 1), Column("message", cut=30))
_LEVELS = {"ERROR": "bad", "WARN": "warn", "INFO": "good", "DEBUG": "dim", "TRACE": "dim"}


def logs(model: Model, chosen: Filter) -> Panel:
    """The algo's log, newest first."""
    lines = tuple(line for line in map(_log, reversed(model.logs)) if chosen.fits(line.text, line.label))
    return Panel(
        f"log · {count(len(model.logs), 'line')}", _LOGS, lines, _nothing("nothing logged", bool(model.logs))
    )


def _log(row: Json) -> Line:
    level, label = str(row.get("level") or "INFO"), str(row.get("label") or "-")
    cells = (
        Cell(_seconds(row.get("ts_ns")), "dim"),
        Cell(level, _LEVELS.get(level, "")),
        Cell(label),
        Cell(str(row.get("message") or "")),
    )
    return Line(cells, "", label)


def _nothing(text: str, hidden: bool) -> str:
    return "no line fits the filter" if hidden else text


NAMES = ("orders", "edges", "mesh", "logs")


def build(
    name: str, model: Model, chosen: Filter, now: float, *, spark: int = 24, unicode: bool = True
) -> Panel:
    """The panel of that name (one of NAMES)."""
    made: dict[str, Callable[[], Panel]] = {
        "orders": lambda: trading(model, chosen),
        "edges": lambda: edges(model, chosen, now, width=spark, unicode=unicode),
        "mesh": lambda: mesh(model, chosen),
        "logs": lambda: logs(model, chosen),
    }
    return made[name]()


def fitted(panel: Panel, width: int) -> tuple[list[int], list[int]]:
    """Which columns fit into `width` (their numbers), and how wide each is. The last one may be cut by the view."""
    kept = list(range(len(panel.columns)))
    while True:
        widths = [_width(panel, index) for index in kept]
        needed = sum(_needed(panel.columns[index], size) for index, size in zip(kept, widths, strict=True))
        if needed + 2 * (len(kept) - 1) <= width or not _droppable(panel.columns, kept):
            return kept, widths
        kept.remove(max(_droppable(panel.columns, kept), key=lambda index: panel.columns[index].rank))


def _needed(column: Column, size: int) -> int:
    return min(size, column.cut) if column.cut else size


def _droppable(columns: Sequence[Column], kept: Sequence[int]) -> list[int]:
    return [index for index in kept if columns[index].rank > 0]


def _width(panel: Panel, index: int) -> int:
    longest = max((len(line.cells[index].text) for line in panel.lines[:200]), default=0)
    return max(len(panel.columns[index].title), longest)
