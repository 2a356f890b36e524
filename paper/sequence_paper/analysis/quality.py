"""How much of the analysis rests on data, and why the rest does not: the provenance of every metric."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sequence_paper.analysis.facts import Gap, OrderFacts
from sequence_paper.analysis.latency import spread_of

Json = dict[str, Any]


def quality(found: Json, orders: Sequence[OrderFacts]) -> Json:
    """`found`: the report of these orders. Coverage by metric, reasons over all of them, age of the quotes used."""
    stats = {**found["metrics"]}
    for row in found["horizons"]:
        stats |= {
            f"{key}@{row['horizon']}": row[key] for key in ("markout_bps", "realized_bps", "impact_bps")
        }
    reasons: Counter[str] = Counter()
    coverage = {}
    for key, stat in stats.items():
        absent = sum(stat["missing"].values())
        reasons.update(stat["missing"])
        coverage[key] = {
            "measured": stat["n"],
            "missing": absent,
            "share": stat["n"] / (stat["n"] + absent) if stat["n"] + absent else None,
        }
    ages = [order.quote.age_ns for order in orders if not isinstance(order.quote, Gap)]
    return {
        "coverage": coverage,
        "reasons": dict(reasons.most_common()),
        "arrival_quote_age_ns": dict(spread_of(ages)),
    }
