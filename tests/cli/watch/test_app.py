"""The view as a person uses it: keys in, screen out. Textual runs it without a terminal."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from textual.pilot import Pilot

from cli.watch.rows import edge, fill, link, model, order
from sequence_operator.cli.watch.app import Board, WatchApp
from sequence_operator.cli.watch.model import Model

Running = Pilot[BaseException | None]


@contextlib.asynccontextmanager
async def shown(made: Model, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Running]:
    """The view of a model that nobody changes but the test."""

    async def work() -> None:
        await asyncio.Event().wait()

    async def trace(order_id: str, columns: int) -> str:
        return f"trace of {order_id}"

    async with WatchApp(made, work, trace).run_test(size=size) as pilot:
        await pilot.pause()
        yield pilot


def screen(pilot: Running) -> list[str]:
    """What stands on the screen, line by line."""
    lines = pilot.app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip).rstrip() for strip in lines]


def busy() -> Model:
    made = model()
    for number in range(20):
        made.order(order(number, status="CANCELLED" if number % 2 else "OPEN"))
    made.fill(fill(7))
    made.edge_rows([edge("kraken", 4_000), edge("coinbase", 9_000)], True, 5.0)
    made.mesh({"kind": "links", "links": [link("maker", "hedger"), link("hedger", "maker")]})
    for number in range(30):
        made.log(
            {"seq": number, "ts_ns": number, "level": "INFO", "label": "maker", "message": f"line {number}"}
        )
    return made


@pytest.mark.parametrize("size", [(80, 24), (200, 50), (120, 30)])
async def test_all_four_panels_are_on_the_screen(size: tuple[int, int]) -> None:
    async with shown(busy(), size) as pilot:
        await _refreshed(pilot)
        text = "\n".join(screen(pilot))
    for words in (
        "orders and fills · 10 open · 1 fill",
        "callback latency",
        "mesh ·",
        "log · 30 lines",
        "q quit",
    ):
        assert words in text
    for words in ("graph", "running", "line 29", "1200.0 µs"):
        assert (words in text) == (words != "graph"), words


async def test_a_filter_is_typed_and_cleared() -> None:
    async with shown(busy()) as pilot:
        await pilot.press("slash", *"cancelled")
        await _refreshed(pilot)
        assert _lines(pilot, "orders") == 10
        await pilot.press("enter")
        assert "filter cancelled" in screen(pilot)[-1]
        await pilot.press("escape")
        await _refreshed(pilot)
        assert _lines(pilot, "orders") == 21


async def test_a_pause_keeps_the_screen_and_says_so() -> None:
    made = busy()
    async with shown(made) as pilot:
        await pilot.press("space")
        made.order(order(99))
        await _refreshed(pilot)
        assert _lines(pilot, "orders") == 21
        assert "PAUSED" in screen(pilot)[0]
        await pilot.press("space")
        await _refreshed(pilot)
        assert _lines(pilot, "orders") == 22


async def test_t_traces_the_chosen_order() -> None:
    async with shown(busy()) as pilot:
        await pilot.press("down", "down", "t")
        await pilot.pause()
        assert "trace of graph:dep_1:maker:17" in "\n".join(screen(pilot))
        await pilot.press("escape")
        await pilot.press("2", "t")
        await pilot.pause()
        assert not any("trace of" in line for line in screen(pilot)), "an edge has no trace"


async def test_the_chosen_order_stays_chosen_when_news_come() -> None:
    made = busy()
    async with shown(made) as pilot:
        await pilot.press("down")
        before = pilot.app.query_one("#orders", Board).key
        made.order(order(50))
        await _refreshed(pilot)
        assert pilot.app.query_one("#orders", Board).key == before


async def test_panels_are_zoomed_and_commanded() -> None:
    async with shown(busy()) as pilot:
        await pilot.press("colon", *"logs", "enter")
        await pilot.press("z")
        await _refreshed(pilot)
        text = screen(pilot)
        assert sum("line " in line for line in text) >= 20
        assert not any("orders and fills" in line for line in text)
        await pilot.press("escape")
        await _refreshed(pilot)
        assert any("orders and fills" in line for line in screen(pilot))
        await pilot.press("question_mark")
        await pilot.pause()
        assert any("regular expression" in line for line in screen(pilot))


async def test_lines_scroll_with_the_choice() -> None:
    async with shown(busy()) as pilot:
        await pilot.press("4", "G")
        await _refreshed(pilot)
        assert any(line.startswith(">") and "line 0" in line for line in screen(pilot))
        await pilot.press("g")
        await _refreshed(pilot)
        assert any(line.startswith(">") and "line 29" in line for line in screen(pilot))


async def test_what_ends_the_listening_ends_the_view() -> None:
    async def work() -> None:
        raise ValueError("the key was revoked")

    async def trace(order_id: str, columns: int) -> str:
        return ""

    app = WatchApp(model(), work, trace)
    async with app.run_test():
        pass
    assert str(app.return_value) == "the key was revoked"


async def _refreshed(pilot: Running) -> None:
    app = pilot.app
    assert isinstance(app, WatchApp)
    app.show()
    await pilot.pause()
    await pilot.pause()


def _lines(pilot: Running, name: str) -> int:
    panel = pilot.app.query_one(f"#{name}", Board).panel
    return len(panel.lines) if panel else 0
