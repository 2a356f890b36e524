"""The terminal view: four panels, the keys of k9s, nothing that writes."""

import time
from collections.abc import Awaitable, Callable
from typing import ClassVar

from rich.console import Group
from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from sequence_operator.cli.watch import filters, panels, view
from sequence_operator.cli.watch.header import header
from sequence_operator.cli.watch.model import Model

WIDE = 140
"""Columns from which on the orders stand beside the other panels."""
REFRESH_SECONDS = 0.25

_MARGIN = 6
"""Columns that a page needs beside its text."""

_MOST_LINES = 12
"""Height of the panels of edges and mesh, with title and column heads; more is reached by scrolling."""

HELP = """\
Keys

  /          filter lines: a regular expression; !text for all others; -l LABEL; -f letters in order
  esc        clear the filter, close what is open
  space      pause the view; news are still collected
  tab, 1-4   next panel; a panel by number      z    the chosen panel alone, and back
  up, down   choose a line (also k, j)          g, G first and last line
  t, enter   trace of the chosen order
  :          commands: orders, edges, mesh, logs, help, quit
  ?          this help                          q    quit

Nothing here changes anything: the view only reads. Times are UTC; orders and fills carry the time of
the market data, which a replay simulates. p50 and p99 are measured where the algo runs."""


class Board(Widget, can_focus=True):
    """One panel. `selected` is a line number, `top` the first line shown."""

    def __init__(self, name: str, *, unicode: bool) -> None:
        super().__init__(id=name)
        self.panel_name, self._unicode = name, unicode
        self.panel: panels.Panel | None = None
        self.selected, self.top = 0, 0

    def render(self) -> Group:
        """Title, column heads, lines."""
        panel = self.panel
        if panel is None:
            return Group()
        width, height = self.size.width, self.size.height - 1
        head = view.title(panel.title, width, focused=self.has_focus, unicode=self._unicode)
        chosen = self.selected if self.has_focus else None
        return Group(head, *view.body(panel, width, height, self.top, chosen))

    def move(self, step: int) -> None:
        """Choose another line, and keep it in sight."""
        lines = len(self.panel.lines) if self.panel else 0
        self.selected = max(0, min(self.selected + step, lines - 1))
        room = max(1, self.size.height - 2)
        self.top = max(min(self.top, self.selected), self.selected - room + 1)
        self.refresh()

    def show(self, panel: panels.Panel) -> None:
        """New contents; the chosen line stays the same order when it is still there."""
        chosen = self.key
        self.panel = panel
        if chosen and self.selected > 0:
            kept = next((i for i, line in enumerate(panel.lines) if line.key == chosen), self.selected)
            self.move(kept - self.selected)
        else:
            self.move(0)

    @property
    def key(self) -> str:
        """The order of the chosen line, empty when it is none."""
        lines = self.panel.lines if self.panel else ()
        return lines[self.selected].key if self.selected < len(lines) else ""


class Page(ModalScreen[None]):
    """A text over the view: help, a trace."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "app.pop_screen", "close"),
    ]
    CSS = "Page { background: $background; } Page VerticalScroll { padding: 1 2; }"

    def __init__(self, text: Text) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """The text, scrolled by the usual keys."""
        with VerticalScroll():
            yield Static(self._text)


class WatchApp(App[BaseException | None]):
    """`run()` gives back what ended it: None when the person did."""

    CSS = """
    Screen { layout: vertical; }
    #head, #foot { height: 1; }
    #boards { height: 1fr; layout: vertical; }
    #boards.wide { layout: grid; grid-size: 2 3; grid-columns: 1fr 1fr; grid-gutter: 0 1; }
    #boards.wide > #orders { row-span: 3; }
    #orders { height: 1fr; min-height: 4; } #logs { height: 1fr; min-height: 3; }
    #edges, #mesh { height: 4; }
    #boards.wide > Board { height: 100%; }
    #boards.alone > Board { display: none; } #boards.alone { layout: vertical; }
    #boards.alone > Board.chosen { display: block; height: 1fr; }
    #ask { display: none; height: 1; border: none; padding: 0; } #ask.open { display: block; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "quit"),
        Binding("slash", "ask('/')", "filter"),
        Binding("colon", "ask(':')", "command"),
        Binding("escape", "clear", "clear"),
        Binding("space", "pause", "pause"),
        Binding("t,enter", "trace", "trace"),
        Binding("question_mark", "help", "help"),
        Binding("z", "zoom", "zoom"),
        Binding("down,j", "move(1)", "down"),
        Binding("up,k", "move(-1)", "up"),
        Binding("pagedown", "move(10)", "page down"),
        Binding("pageup", "move(-10)", "page up"),
        Binding("g,home", "move(-1000000)", "first"),
        Binding("G,end", "move(1000000)", "last"),
        *(Binding(str(n), f"panel('{name}')", name) for n, name in enumerate(panels.NAMES, 1)),
    ]

    def __init__(
        self,
        model: Model,
        work: Callable[[], Awaitable[None]],
        trace: Callable[[str, int], Awaitable[str]],
        *,
        unicode: bool = True,
    ) -> None:
        """work: keeps the model up to date until it is cancelled. trace: an order's life, for so many
        columns."""
        super().__init__(ansi_color=True)
        self.model, self.unicode = model, unicode
        self._work, self._trace = work, trace
        self._filter = filters.Filter()
        self._paused = False
        self._asking = "/"

    def compose(self) -> ComposeResult:
        """Head line, four boards, the line for questions, foot line."""
        yield Static(id="head")
        with Container(id="boards"):
            for name in panels.NAMES:
                yield Board(name, unicode=self.unicode)
        yield Input(id="ask", select_on_focus=False)
        yield Static(id="foot")

    def on_mount(self) -> None:
        """Begin to listen, and to show."""
        self.theme = "ansi-dark"  # foreground and background are the terminal's own, whichever it has
        self.run_worker(self._listen(), exclusive=True)
        self.set_interval(REFRESH_SECONDS, self.show)
        self.query_one("#orders", Board).focus()
        self.show()

    async def _listen(self) -> None:
        try:
            await self._work()
        except Exception as problem:  # noqa: BLE001  # handed to the command, which knows how to say it
            self.exit(problem)

    def on_resize(self, event: events.Resize) -> None:
        """Side by side where there is room."""
        self.query_one("#boards").set_class(event.size.width >= WIDE, "wide")
        self.show()

    # -- showing -------------------------------------------------------------------------------------------------

    def show(self) -> None:
        """Bring the screen up to date; while paused only its first line."""
        now = time.time()
        boards = self.query(Board)
        if not boards:
            return
        self.query_one("#head", Static).update(
            header(self.model, now, paused=self._paused, problem=self._filter.problem, unicode=self.unicode)
        )
        self.query_one("#foot", Static).update(self._foot())
        if self._paused:
            return
        for board in boards:
            board.show(self._panel(board, now))
        self._share_height()

    def _share_height(self) -> None:
        """Edges and mesh take as much as they have to say, up to a limit; orders and log share the rest."""
        everything = self.query_one("#boards")
        small = [self.query_one(f"#{name}", Board) for name in ("edges", "mesh")]
        lines = [len(board.panel.lines) if board.panel else 0 for board in small]
        heights = [min(_MOST_LINES, 2 + max(1, count)) for count in lines]
        alone, wide = everything.has_class("alone"), everything.has_class("wide")
        for board, height in zip(small, heights, strict=True):
            board.styles.height = None if alone or wide else height
        everything.styles.grid_rows = f"{heights[0]} {heights[1]} 1fr" if wide and not alone else None

    def _panel(self, board: Board, now: float) -> panels.Panel:
        spark = max(8, min(60, board.size.width - 62))
        name, model, chosen = board.panel_name, self.model, self._filter
        return panels.build(name, model, chosen, now, spark=spark, unicode=self.unicode)

    def _foot(self) -> Text:
        if self._filter.text:
            return Text.assemble(("filter ", "dim"), (self._filter.text, "bold"), ("  esc clears it", "dim"))
        keys = (("/", "filter"), ("t", "trace"), ("space", "pause"), ("tab", "panel"), ("z", "zoom"))
        line = Text()
        for key, word in (*keys, ("?", "help"), ("q", "quit")):
            line.append(f"{key} ", "bold").append(f"{word}   ", "dim")
        return line

    # -- keys ----------------------------------------------------------------------------------------------------

    def action_ask(self, kind: str) -> None:
        """Open the line for a filter or a command."""
        self._asking = kind
        ask = self.query_one("#ask", Input)
        ask.placeholder = "filter" if kind == "/" else "orders, edges, mesh, logs, help, quit"
        ask.value = self._filter.text if kind == "/" else ""
        ask.add_class("open")
        ask.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """A filter works while it is typed."""
        if self._asking == "/" and event.input.has_class("open"):
            self._filter = filters.parse(event.value)
            self.show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Done typing."""
        self._close()
        if self._asking == ":":
            self._command(event.value.strip().lower())

    def _command(self, word: str) -> None:
        found = next((name for name in (*panels.NAMES, "help", "quit") if word and name.startswith(word)), "")
        match found:
            case "":
                self.notify(f"no command {word!r}: orders, edges, mesh, logs, help, quit", severity="warning")
            case "help":
                self.action_help()
            case "quit":
                self.exit()
            case name:
                self.action_panel(name)

    def _close(self) -> None:
        self.query_one("#ask", Input).remove_class("open")
        self.query_one("#orders", Board).focus()

    def action_clear(self) -> None:
        """What esc does: first the line, then the zoom, then the filter."""
        boards = self.query_one("#boards")
        if self.query_one("#ask", Input).has_class("open"):
            self._filter = filters.Filter() if self._asking == "/" else self._filter
            self._close()
        elif boards.has_class("alone"):
            boards.remove_class("alone")
        else:
            self._filter = filters.Filter()
        self.show()

    def action_pause(self) -> None:
        """Stand still, or go on."""
        self._paused = not self._paused
        self.show()

    def action_help(self) -> None:
        """All keys."""
        self.push_screen(Page(Text(HELP)))

    def action_panel(self, name: str) -> None:
        """Choose a panel."""
        board = self.query_one(f"#{name}", Board)
        board.focus()
        for other in self.query(Board):
            other.set_class(other is board, "chosen")

    def action_zoom(self) -> None:
        """The chosen panel alone, or all again."""
        board = self._board()
        if board is not None:
            self.action_panel(board.panel_name)
            self.query_one("#boards").toggle_class("alone")

    def action_move(self, step: int) -> None:
        """Choose another line."""
        if (board := self._board()) is not None:
            board.move(step)

    async def action_trace(self) -> None:
        """Where the chosen order spent its time."""
        board = self._board()
        if board is None or not board.key:
            self.notify("choose an order or a fill first: tab to its panel, then up and down")
            return
        text = await self._trace(board.key, max(40, self.size.width - _MARGIN))
        self.push_screen(Page(Text.from_ansi(text)))

    def _board(self) -> Board | None:
        return self.focused if isinstance(self.focused, Board) else None
