"""From turns of the stream to what the view knows. The platform's REST answers come from a table here."""

from typing import Any

import pytest

from cli.watch.rows import START, edge, fill, link, model, order
from sequence_operator.cli.watch.model import Model
from sequence_operator.cli.watch.source import Source
from sequence_operator.platform import PlatformError, Row, Unreachable
from sequence_operator.platform.frames import (
    Disconnected,
    Dropped,
    Event,
    Message,
    Rejected,
    StreamUnavailable,
    Subscribed,
)


class Answers:
    """The reading half of a client. `away`: no answer; `no_edges`: a platform that keeps its edges to itself."""

    def __init__(self) -> None:
        self.away, self.no_edges = False, False
        self.orders_, self.fills_ = [order(1)], [fill(1)]

    def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.away:
            raise Unreachable("cut", sent=False)
        return body

    async def get(self, deployment_id: str) -> Row:
        instances = [{"label": "maker", "edge_id": "venue-edge-kraken", "status": "running"}]
        return Row(deployment_id, raw=self._answer({"status": "running", "instances": instances}))

    async def orders(self, **query: Any) -> dict[str, Any]:
        assert query == {"limit": 100, "deployment_id": "dep_1"}
        return self._answer({"orders": self.orders_})

    async def fills(self, **query: Any) -> dict[str, Any]:
        return self._answer({"fills": self.fills_})

    async def logs(self, deployment_id: str, *, limit: int) -> dict[str, Any]:
        return self._answer({"logs": [{"seq": 1, "ts_ns": START, "message": "hello"}]})

    async def mesh(self, deployment_id: str) -> dict[str, Any]:
        return self._answer({"instances": [], "links": [link("maker", "hedger")]})

    async def edges(self) -> dict[str, Any]:
        if self.no_edges:
            raise PlatformError(501, "not built")
        return self._answer({"edges": [edge("kraken", 4_000)]})


class Heard:
    """A source, its model, and what was told of it."""

    def __init__(self) -> None:
        self.answers, self.model = Answers(), model()
        self.told: list[tuple[str, str]] = []
        self.source = Source(self.answers, self.model, self._tell)  # type: ignore[arg-type]

    def _tell(self, kind: str, at_ns: int, data: Any) -> None:
        self.told.append((kind, str(data.get("text") or data.get("order_id") or data.get("fill_id") or "")))

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.told]

    async def events(self, *events: Event) -> Model:
        for event in events:
            await self.source.event(event)
        return self.model


async def test_the_first_word_of_the_stream_reads_everything() -> None:
    heard = Heard()
    made = await heard.events(Subscribed(("orders",)))
    assert heard.kinds == ["order", "fill", "log", "latency"]
    assert (made.link.phase, made.status, len(made.links)) == ("live", "running", 1)
    assert heard.source.channels == [
        "orders",
        "fills",
        "edges",
        "deployment:dep_1",
        "mesh:dep_1",
        "logs:dep_1",
    ]


async def test_what_was_read_and_streamed_is_told_once() -> None:
    heard = Heard()
    await heard.events(Subscribed(("orders",)), Message("orders", order(1)), Message("fills", fill(1)))
    assert heard.kinds.count("order") == 1
    assert heard.kinds.count("fill") == 1


async def test_after_a_loss_what_was_missed_is_read() -> None:
    heard = Heard()
    made = await heard.events(Subscribed(("orders",)), Disconnected("cut"), Disconnected("refused"))
    assert made.link.phase == "lost"
    assert heard.kinds.count("lost") == 1, "every failed try is not news"
    heard.answers.fills_.append(fill(2))
    made = await heard.events(Subscribed(("orders",)))
    assert made.link.phase == "live"
    assert len(made.fills) == 2
    assert heard.kinds[-1] == "back"


async def test_a_platform_that_does_not_answer_is_lost_not_fatal() -> None:
    heard = Heard()
    heard.answers.away = True
    made = await heard.events(Disconnected("cut"), Subscribed(("orders",)))
    assert made.link.phase == "lost"


async def test_a_refused_key_ends_it() -> None:
    with pytest.raises(PlatformError) as refused:
        await Heard().events(Disconnected("no rights", status=401))
    assert refused.value.status == 401


async def test_without_a_stream_it_says_so() -> None:
    heard = Heard()
    made = await heard.events(StreamUnavailable("404"))
    assert made.link.phase == "polling"
    assert heard.told == [("lost", "no stream (404): asking every 2 s")]


async def test_edges_that_go_and_come_are_told() -> None:
    heard = Heard()
    rows = [[edge("kraken", 4_000, alive=alive)] for alive in (True, False, False, True)]
    frames = [Message("edges", {"bus": True, "edges": row}) for row in rows]
    await heard.events(Subscribed(("edges",)), *frames)
    assert [text for kind, text in heard.told if kind == "edge"] == [
        "the edge is gone",
        "the edge is back",
    ]


async def test_a_bus_that_goes_and_comes_is_told() -> None:
    heard = Heard()
    frames = [Message("edges", {"bus": bus, "edges": []}) for bus in (True, False, False, True)]
    made = await heard.events(Subscribed(("edges",)), *frames)
    assert [text for kind, text in heard.told if kind == "bus"] == [
        "the bus is away: no messages between edges, and no live news of them",
        "the bus is back",
    ]
    assert made.bus is True


async def test_a_platform_may_keep_its_edges_to_itself() -> None:
    heard = Heard()
    heard.answers.no_edges = True
    made = await heard.events(Subscribed(("orders",)))
    assert (made.link.phase, made.edges) == ("live", {})


async def test_messages_losses_and_refusals() -> None:
    heard = Heard()
    flow = {"kind": "flow", "from": "maker", "to": "hedger", "bytes": 8, "latency_ns": 5, "at_ns": START}
    status = {"label": "maker", "status": "paused", "pause_reason": "trap", "at_ns": START}
    made = await heard.events(
        Message("mesh:dep_1", flow),
        Message("mesh:dep_1", {"kind": "links", "links": []}),
        Message("deployment:dep_1", status),
        Message("logs:dep_1", {"seq": 2, "ts_ns": START, "message": "x"}),
        Message("orders", "garbage"),
        Dropped(12, {"orders": 12}),
        Rejected(("mesh:dep_1",), {"mesh:dep_1": "no such channel"}),
    )
    assert heard.kinds == ["mesh", "status", "log", "drop"]
    assert (made.dropped, made.flow_count, made.links) == (12, 1, [])
    assert made.instances[0]["status"] == "paused"
    assert made.refused == {"mesh:dep_1": "no such channel"}
