"""`sequence trace ID --what-if CHANGE`: one order again, with one thing different."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from sequence_operator.cli import what_if_text
from sequence_operator.cli.connect import execute
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.globals import Globals
from sequence_operator.cli.output import View
from sequence_operator.cli.repeating import check_installed, fetch, repeat
from sequence_operator.cli.terminal import folded

Json = dict[str, Any]

FORMS = "venue=NAME, latency=PROFILE, latency=MS, latency=+MS or post-only"


def answer(flags: Globals, row: Json, change: str) -> View:
    """`row`: of the order, as `GET /v1/traces` has it. Raises CliError."""
    order_id = str(row.get("order_id"))
    children = row.get("children") or []
    if children:
        raise CliError(
            "this order was split by the router",
            f"{order_id} has {len(children)} legs, and each went its own way",
            f"sequence trace {children[0]} --what-if {change}",
            ExitCode.USAGE,
        )
    check_installed("the run of an order")
    example = f"sequence trace {order_id} --what-if CHANGE   ({FORMS})"
    data = execute(fetch(flags, {"node_order_id": order_id, "what_if": change}, example))
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "order.seqcap"
        draft.write_bytes(data)
        found = repeat(draft, "--what-if", change)
    return View(found, text=folded(what_if_text.page(found), sys.stdout), names=[order_id])
