"""What `sequence up` was asked for; passed to the detached process and compared with what already runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

Feed = str
"""`generated`, `live`, `replay` or `replay:FILE`"""


@dataclass(frozen=True, slots=True)
class Options:
    """venues: one edge each. feed: `replay` lets the first venue replay the recording, the others are generated;
    `live` follows all venues as they are now. record: folder for recordings of live feeds ("": none). pools: file
    that names a chain's JSON-RPC endpoint and pools ("": generated ones).

    latency: between algos and venues: `none`, `venue` (assumed figures of each venue), `constant:MS`, `table:FILE`.
    fees: `base` (the venues' entry rates), `tiers` (by the volume of 30 days), `table:FILE`.

    pace: 1, 20 or `max`, times the pace of time. gate: simulated time stands still until so many instances run on an
    edge (0: no gate). until: seconds of event time after which the feed ends (0: never). kube_context: use this
    context of the user's kubeconfig instead of a control plane of our own. unsandboxed_builds: compile what comes
    from git with the user's own rights.
    """

    venues: tuple[str, ...] = ("kraken", "coinbase")
    feed: Feed = "generated"
    record: str = ""
    pools: str = ""
    latency: str = "none"
    fees: str = "base"
    pace: str = "1"
    gate: int = 0
    until: float = 0.0
    seed: int = 1
    kube_context: str = ""
    kubeconfig: str = ""
    unsandboxed_builds: bool = False

    def feed_of(self, venue: str) -> Feed:
        """The feed of one venue's edge."""
        return self.feed if venue == self.venues[0] or self.feed == "live" else "generated"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "venues": list(self.venues)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Options:
        """Unknown keys (written by another version) are left out."""
        known = {field.name: data[field.name] for field in fields(cls) if field.name in data}
        return cls(**{**known, "venues": tuple(known.get("venues", cls().venues))})
