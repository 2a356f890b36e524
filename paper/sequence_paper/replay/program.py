"""``python -m sequence_paper.replay CAPSULE``: repeat a run and compare what happens with what happened."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from sequence_paper.edge.event_log import FORMAT
from sequence_paper.replay import capsule as capsules
from sequence_paper.replay.capsule import Capsule, CapsuleError
from sequence_paper.replay.change import FORMS, WhatIfError
from sequence_paper.replay.compare import expected_of, first_difference, first_other_fill, rows
from sequence_paper.replay.run import Outcome, run
from sequence_paper.replay.what_if import what_if
from sequence_paper.store.words import Json

_EQUAL, _DIFFERS, _FAILED, _USAGE = 0, 1, 2, 3
_RATE: Final = 10**9


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: the same run; 1: another; 2: it cannot be run; 3: no such change (``--what-if``)."""
    options = _parser().parse_args(argv)
    try:
        capsule = capsules.read(options.capsule)
        if options.what_if is not None:
            print(json.dumps(what_if(capsule, options.what_if), indent=2))
            return _EQUAL
        if options.seal:
            return _seal(options.capsule, capsule)
        _check_format(capsule)
        outcome = run(capsule)
    except CapsuleError as error:
        return _said(error, _FAILED)
    except WhatIfError as error:
        return _said(error, _USAGE if error.usage else _FAILED)
    answer = _answer(capsule, outcome)
    print(json.dumps(answer, indent=2) if options.json else _text(answer))
    return _EQUAL if answer["equal"] else _DIFFERS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sequence_paper.replay", description=__doc__)
    parser.add_argument("capsule", type=Path, metavar="CAPSULE", help="a file *.seqcap")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--seal",
        action="store_true",
        help="run a capsule that has no digest yet, compare its fills with those stored, write the digest into it",
    )
    parser.add_argument(
        "--what-if",
        metavar="CHANGE",
        help=f"run it with this change of the order it is about, and print both lives as JSON: {FORMS}",
    )
    return parser


def _said(error: CapsuleError | WhatIfError, code: int) -> int:
    print(f"error: {error}" + (f"\nhint:  {error.hint}" if error.hint else ""), file=sys.stderr)
    return code


def _seal(path: Path, capsule: Capsule) -> int:
    outcome = run(capsule)
    different = (
        first_other_fill(capsule.stored, rows(outcome.kept.fills), outcome.unheard)
        if capsule.stored is not None
        else ""
    )
    if different:
        print(
            "error: the repetition of this run does something else, so it is not a capsule\n"
            f"cause: {different}",
            file=sys.stderr,
        )
        return _DIFFERS
    sealed = replace(capsule, expected=expected_of(outcome.log))
    capsules.write(path, sealed)
    print(json.dumps(_answer(sealed, outcome)))
    return _EQUAL


def _check_format(capsule: Capsule) -> None:
    if capsule.expected is None:
        raise CapsuleError("this capsule has no digest to compare with", "add one: --seal")
    made = capsule.made_by.get("log_format", FORMAT)
    if made != FORMAT:
        raise CapsuleError(
            f"this capsule's digest is of log format {made}, and this version writes format {FORMAT}",
            f"run it with sequence-operator {capsule.made_by.get('sequence_paper', 'of its time')}",
        )


def _answer(capsule: Capsule, outcome: Outcome) -> Json:
    expected = capsule.expected
    parted = None if expected is None else first_difference(expected, outcome.log)
    kept = outcome.kept
    return {
        "schema": "replay/v1",
        "equal": parted is None,
        "sha256": outcome.log.digest(),
        "expected_sha256": None if expected is None else expected.sha256,
        "differs": None if parted is None else {"equal_until_ns": parted[0], "differs_by_ns": parted[1]},
        "fills_differ": first_other_fill(capsule.stored, rows(kept.fills), outcome.unheard)
        if capsule.stored is not None
        else "",
        "feed": capsule.feed.words,
        "from_ns": capsule.feed.start_ns,
        "to_ns": capsule.feed.to_ns,
        "records": outcome.log.records,
        "events": outcome.events,
        "callbacks": outcome.callbacks,
        "orders": len(kept.orders),
        "fills": len(kept.fills),
        "realized_pnl_1e9": sum(p.realized_pnl_1e9 for p in kept.positions.values()),
        "fees_1e9": sum(p.fees_1e9 for p in kept.positions.values()),
        "paused": outcome.faults,
        "wall_ns": outcome.wall_ns,
        "events_per_second": outcome.events * _RATE // max(outcome.wall_ns, 1),
    }


def _text(answer: Json) -> str:
    net = answer["realized_pnl_1e9"] - answer["fees_1e9"]
    seconds = (answer["to_ns"] - answer["from_ns"]) / _RATE
    lines = [
        f"feed       {answer['feed']}, {seconds:,.1f} s, {answer['events']:,} messages",
        f"speed      {answer['events_per_second']:,} messages/s, {answer['callbacks']:,} callbacks",
        f"trading    {answer['orders']:,} orders, {answer['fills']:,} fills",
        f"pnl        {net / 1e9:+,.4f} net ({answer['realized_pnl_1e9'] / 1e9:+,.4f} before fees)",
        f"digest     {answer['sha256']}",
    ]
    lines += [f"paused     {fault}" for fault in answer["paused"]]
    if answer["equal"]:
        return "\n".join([*lines, "equal      the same run, record by record"])
    differs = answer["differs"]
    lines.append(f"expected   {answer['expected_sha256']}")
    lines.append(
        f"differs    equal until {_at(differs['equal_until_ns'], 'no heartbeat')}, not by "
        f"{_at(differs['differs_by_ns'], 'the end')} (feed time, ns)"
    )
    if answer["fills_differ"]:
        lines.append(f"           {answer['fills_differ']}")
    return "\n".join(lines)


def _at(ts_ns: int, otherwise: str) -> str:
    return str(ts_ns) if ts_ns else otherwise
