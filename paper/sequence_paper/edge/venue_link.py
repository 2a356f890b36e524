"""Requests to the markets of an edge and what they say back, over whatever lies between.

Without latency everything happens within the call, and its notices are returned. With it a request is only sent here:
its row is NEW until the venue's word is heard, and notices are told then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sequence_paper.edge.executions import Executions, Notice
from sequence_paper.edge.hosted import Hosted, LiveOrder
from sequence_paper.edge.trace import Decision
from sequence_paper.edge.wires import Wires
from sequence_paper.venue.market import Market
from sequence_paper.venue.orders import Execution, Filled, Order, Rejected

Refused = Callable[[Rejected, int], list[Notice]]
Changed = Callable[[LiveOrder, Order, int], Order]


class VenueLink:
    """``tell``: deliver notices; it must not be called while a callback runs."""

    def __init__(
        self,
        markets: Mapping[str, Market],
        executions: Executions,
        wires: Wires,
        tell: Callable[[Iterable[Notice]], None],
    ) -> None:
        self._markets, self._executions, self._wires, self._tell = markets, executions, wires, tell
        self.change: Changed | None = None
        """Given every order on its way out, and returns what is sent instead. None: all go as they are."""

    def submit(
        self, hosted: Hosted, order: LiveOrder, wanted: Order, now_ns: int, decision: Decision
    ) -> list[Notice]:
        """``order`` is among those of ``hosted`` already."""
        if self.change is not None:
            wanted = self.change(order, wanted, now_ns)
        market = self._market(order)
        if not self._wires.instant(order.order_id):
            self._executions.under_way(hosted, order, now_ns)
        return self._request(hosted, order, now_ns, decision, lambda at: market.submit(wanted, at))

    def cancel(self, hosted: Hosted, order: LiveOrder, now_ns: int, decision: Decision) -> list[Notice]:
        """An order that is being cancelled already needs no second request."""
        if order.leaving:
            return []
        market = self._market(order)
        order.leaving = not self._wires.instant(order.order_id)
        return self._request(hosted, order, now_ns, decision, lambda at: market.cancel(order.order_id, at))

    def amend(
        self,
        hosted: Hosted,
        order: LiveOrder,
        wanted: Order,
        now_ns: int,
        decision: Decision,
        refused: Refused,
    ) -> list[Notice]:
        """Price and total quantity of ``wanted``. ``refused``: what follows when the venue does not want it."""
        market = self._market(order)

        def at_venue(at: int) -> list[Execution]:
            return market.amend(order.order_id, wanted.qty_1e8, wanted.px_1e9, at)

        if self._wires.instant(order.order_id):
            executions = at_venue(now_ns)
            if executions and isinstance(executions[0], Rejected):
                return refused(executions[0], now_ns)
            return self._executions.apply(executions, now_ns, decision)

        def arrived(at: int) -> None:
            executions = at_venue(at)
            first = executions[0] if executions else None
            if isinstance(first, Rejected):
                word = first
                self._wires.to_algo(
                    hosted.owner, order.order_id, at, lambda heard: self._tell(refused(word, heard))
                )
            else:
                self._send_back(executions, at, decision)

        self._wires.to_venue(hosted.owner, order.order_id, now_ns, arrived)
        return []

    def happened(
        self, executions: Iterable[Execution], now_ns: int, decision: Decision | None = None
    ) -> list[Notice]:
        """What the venue did just now, by itself or on request."""
        heard, under_way = list[Execution](), list[Execution]()
        for execution in executions:
            (heard if self._wires.instant(execution.key) else under_way).append(execution)
        self._send_back(under_way, now_ns, decision)
        return self._executions.apply(heard, now_ns, decision)

    # -- without latency: what the platform itself asks --------------------------------------------------------

    def at_once(self, key: str, executions: Iterable[Execution], now_ns: int) -> list[Notice]:
        """What a request about order ``key`` has done just now; others hear of theirs as ever."""
        own, others = list[Execution](), list[Execution]()
        for execution in executions:
            (own if execution.key == key else others).append(execution)
        return self._executions.apply(own, now_ns) + self.happened(others, now_ns)

    def cancel_now(self, key: str, symbol: str, now_ns: int) -> None:
        """Also an order that has not arrived; one that has ended stays as it is."""
        held = self._executions.holder(key)
        if held is not None:
            self._executions.withdraw(*held, now_ns)
        else:
            self._tell(self._executions.apply(self._markets[symbol].cancel(key, now_ns), now_ns))

    def settle(self, key: str, now_ns: int) -> None:
        """Hear what the venue has said to the owner of an order until now."""
        held = self._executions.holder(key)
        if held is not None:
            self._wires.settle(held[0].owner, now_ns)

    def _request(
        self,
        hosted: Hosted,
        order: LiveOrder,
        now_ns: int,
        decision: Decision,
        at_venue: Callable[[int], list[Execution]],
    ) -> list[Notice]:
        if self._wires.instant(order.order_id):
            return self.happened(at_venue(now_ns), now_ns, decision)
        self._wires.to_venue(
            hosted.owner, order.order_id, now_ns, lambda at: self._send_back(at_venue(at), at, decision)
        )
        return []

    def _market(self, order: LiveOrder) -> Market:
        return order.elsewhere or self._markets[order.symbol]

    def _send_back(self, executions: Iterable[Execution], at_ns: int, decision: Decision | None) -> None:
        for execution in executions:
            # A fill is held against the market in which it happened, not the one in which it was heard of.
            mid = self._executions.mid_of(execution) if isinstance(execution, Filled) else None
            self._wires.to_algo(
                execution.owner,
                execution.key,
                at_ns,
                lambda heard, it=execution, mid=mid: self._tell(  # type: ignore[misc]
                    self._executions.apply([it], heard, decision, mid)
                ),
            )
