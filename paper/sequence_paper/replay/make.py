"""``python -m sequence_paper.replay.make``: run a module on a feed from its beginning, into a capsule."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import sequence_paper
from sequence_paper.edge.event_log import FORMAT
from sequence_paper.feed import bitstamp
from sequence_paper.feed.errors import FeedError
from sequence_paper.feed.open import open_feed
from sequence_paper.replay import capsule as capsules
from sequence_paper.replay.capsule import Capsule, CapsuleError, FeedSlice
from sequence_paper.replay.compare import expected_of
from sequence_paper.replay.run import run
from sequence_paper.replay.source import cut, installed_digest
from sequence_paper.store.funds import AccountFunds
from sequence_paper.store.inputs import applied_body, funds_body
from sequence_paper.store.records import DesiredInstance, EdgeInput, InputKind, Observation
from sequence_paper.store.words import Json

_SECOND_NS = 10**9


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 when it cannot be made."""
    options = _parser().parse_args(argv)
    try:
        capsule = build(
            options.wasm.read_bytes(),
            venue=options.venue,
            symbols=options.symbols.split(","),
            words=options.feed,
            seed=options.seed,
            seconds=options.seconds,
            params=json.loads(options.params),
            risk=json.loads(options.risk),
            balances=json.loads(options.balances),
            fees=options.fees,
        )
        outcome = run(capsule)
    except (CapsuleError, FeedError) as error:
        print(f"error: {error}\nhint:  {error.hint}", file=sys.stderr)
        return 2
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    capsules.write(options.out, replace(capsule, expected=expected_of(outcome.log)))
    print(f"{options.out}  {outcome.log.digest()}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sequence_paper.replay.make", description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT", help="the capsule to write")
    parser.add_argument("--wasm", type=Path, required=True, help="the module")
    parser.add_argument("--feed", default="generated", help="generated, replay, replay:NAME or replay:FILE")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--venue", default="kraken")
    parser.add_argument("--symbols", default="BTC-USD")
    parser.add_argument("--seconds", type=float, default=60.0, help="feed time from its beginning")
    parser.add_argument("--params", default="[]", help='JSON: [{"name", "slot", "type", "value"}]')
    parser.add_argument("--risk", default="{}", help='JSON: {"max_position_1e8": ...}')
    parser.add_argument("--balances", default="{}", help='JSON: {"USD": ...} x 10^9; others are not counted')
    parser.add_argument("--fees", default="base", help="base, tiers or table:FILE")
    return parser


def build(
    wasm: bytes,
    *,
    venue: str,
    symbols: list[str],
    words: str = "generated",
    seed: int = 1,
    seconds: float = 60.0,
    params: list[Json] | None = None,
    risk: Json | None = None,
    balances: dict[str, int] | None = None,
    fees: str = "base",
) -> Capsule:
    """One instance from the first event on, not yet run. Raises FeedError."""
    about = open_feed(words, venue=venue, symbols=symbols, seed=seed).about
    to_ns = about.start_ns + int(seconds * _SECOND_NS)
    digest = sha256(wasm).hexdigest()
    want = _instance(venue, symbols, digest, params or [], risk or {})
    told: list[tuple[InputKind, Json]] = [("apply", applied_body(want, []))]
    if balances:
        told.insert(0, ("funds", funds_body(AccountFunds(balances))))
    feed, frames = slice_of(words, seed, venue, symbols, about.start_ns, to_ns)
    return Capsule(
        venue=venue,
        instrument_type="spot",
        symbols=symbols,
        feed=feed,
        inputs=[
            EdgeInput("replay", 1, n, 0, about.start_ns, "", "sandbox", kind, body)
            for n, (kind, body) in enumerate(told)
        ],
        fees=fees,
        modules={digest: wasm},
        made_by=made_by(),
        frames=frames,
    )


def slice_of(
    words: str, seed: int, venue: str, symbols: list[str], start_ns: int, to_ns: int
) -> tuple[FeedSlice, bytes | None]:
    """The part of a feed up to ``to_ns``, and its frames if it is a recording of ours. Raises FeedError."""
    kind, _, name = words.partition(":")
    if kind == "generated":
        return FeedSlice(words, seed, start_ns, to_ns), None
    if name in ("", bitstamp.NAME):
        return FeedSlice(f"replay:{bitstamp.NAME}", seed, start_ns, to_ns, installed_digest()), None
    path = Path(name)
    # The recording begins where every symbol has a book, which its own clock calls another time.
    own = open_feed(words, venue=venue, symbols=symbols).about.start_ns
    frames, went_on = cut(path, start_ns - own, to_ns)
    return FeedSlice(f"replay:{path.name}", seed, start_ns, to_ns, cut=went_on), frames


def made_by() -> Json:
    """What made it, as far as it can matter."""
    return {
        "sequence_paper": sequence_paper.__version__,
        "wasmtime": version("wasmtime"),
        "log_format": FORMAT,
    }


def _instance(venue: str, symbols: list[str], digest: str, params: list[Json], risk: Json) -> DesiredInstance:
    return DesiredInstance(
        deployment_id="dep_replay",
        name="replay",
        account_id="",
        mode="sandbox",
        label="main",
        ordinal=0,
        venue=venue,
        instrument_type="spot",
        symbols=symbols,
        desired="running",
        revision=1,
        starts=1,
        wasm_sha256=digest,
        risk=risk,
        params=params,
        on_stop="cancel",
        peers=[],
        hears=[],
        last=Observation("dep_replay", "main", "pending", False, 0, 0, 0),
    )


if __name__ == "__main__":
    sys.exit(main())
