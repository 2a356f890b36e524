"""``python -m sequence_paper.reconcile --db URL``: whether a database's orders, fills, positions and ledger add up."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict

import orjson

from sequence_paper.analysis.reconcile import lines, reconcile
from sequence_paper.store import Store, StoreError

_SHOWN = 50


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: all adds up, 1: it does not, 2: the database cannot be used. It may be in use meanwhile."""
    parser = argparse.ArgumentParser(prog="python -m sequence_paper.reconcile", description=__doc__)
    parser.add_argument("--db", required=True, help="sqlite:////path/to/file or postgresql://user@host/name")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    options = parser.parse_args(argv)
    try:
        store = Store(options.db)
    except StoreError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    try:
        report = reconcile(store.audit.rows())
    finally:
        store.close()
    if options.json:
        found = [difference._asdict() for difference in report.differences]
        print(orjson.dumps(asdict(report) | {"differences": found}).decode())
    else:
        print("\n".join(lines(report, _SHOWN)))
    return 1 if report.differences else 0


if __name__ == "__main__":
    sys.exit(main())
