"""The channels there are, who may hear which, and what on the bus stands behind them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from sequence_paper.mesh import wire
from sequence_paper.store.records import Caller

Kind = Literal["events", "rows", "market", "edges", "mesh"]
"""events: told as they come. rows: read from the store. market, edges, mesh: the newest state is what counts."""

_OF_ACCOUNT: Final = {
    "orders": wire.order_subject,
    "fills": wire.fill_subject,
    "routing": wire.route_subject,
    "tca": wire.tca_subject,
}
_OF_DEPLOYMENT: Final = {
    "deployment": wire.event_subject,
    "logs": wire.log_subject,
    "traces": wire.trace_subject,
    "mesh": wire.flow_subject,
}
_KINDS: Final[dict[str, Kind]] = {"fills": "rows", "logs": "rows", "mesh": "mesh"}
_FORMS: Final = (
    "orders, fills, routing, tca, edges, prices:{symbol}, book:{symbol}, fair_price[:underlying], "
    "deployment:{id}, logs:{id}, traces:{id}, mesh:{id}"
)
_ALL_EVENTS: Final = "deployment.*.event"


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as one caller hears it. Equal topics carry equal frames, whoever hears them.

    `about`: a symbol, an underlying or a deployment id. `topic`: the subject on the bus, or the name where there is
    none. `heard`: what to listen to on the bus for it; "" when nothing.
    """

    name: str
    kind: Kind
    about: str
    topic: str
    heard: str


class RejectedError(Exception):
    """The channel is not served to this caller; the message says why."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a caller may ask for: its own deployments, and the symbols that edges trade."""

    deployments: frozenset[str]
    symbols: frozenset[str]


def channel_of(name: str, caller: Caller, known: Known) -> Channel:
    """The channel of that name. Raises `RejectedError`."""
    family, given, about = name.partition(":")
    if given and not about:
        raise RejectedError(f"{family}: needs something after the colon")
    if family in _OF_ACCOUNT and not given:
        subject = _OF_ACCOUNT[family](caller.account.account_id, caller.mode)
        return Channel(name, _KINDS.get(family, "events"), "", subject, subject)
    if family in _OF_DEPLOYMENT and given:
        if about not in known.deployments:
            raise RejectedError(f"no deployment {about} in this account and mode")
        subject = _OF_DEPLOYMENT[family](about)
        # A client may follow thousands of deployments: one subscription on the bus is enough for all of them.
        heard = _ALL_EVENTS if family == "deployment" else subject
        return Channel(name, _KINDS.get(family, "events"), about, subject, heard)
    if family in ("prices", "book") and given:
        if about not in known.symbols:
            raise RejectedError(f"no edge trades {about}")
        return Channel(name, "market", about, name, "")
    if family == "fair_price":
        if given and about not in {symbol.partition("-")[0] for symbol in known.symbols}:
            raise RejectedError(f"no edge trades a symbol of {about}")
        return Channel(name, "market", about, name, "")
    if name == "edges":
        return Channel(name, "edges", "", name, "")
    if family == "funding":
        raise RejectedError("there is no funding: only spot is traded here")
    raise RejectedError(f"no such channel; there are {_FORMS}")


def needs(names: Iterable[str]) -> tuple[bool, bool]:
    """Whether `Known.deployments` and `Known.symbols` matter for these names."""
    families = {name.partition(":")[0] for name in names}
    return bool(families & set(_OF_DEPLOYMENT)), bool(families & {"prices", "book", "fair_price"})
