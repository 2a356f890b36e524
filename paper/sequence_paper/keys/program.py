"""`python -m sequence_paper.keys`: make an account and a key for it. Prints `{"account_id", "mode", "key"}` as JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from sequence_paper.store import Store, StoreError
from sequence_paper.store.accounts import TIER_QPS


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 with a sentence on stderr when the database or the key file cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        minted = _mint(options)
    except (StoreError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(minted))
    return 0


def _mint(options: argparse.Namespace) -> dict[str, str]:
    store = Store(options.db)
    try:
        account = store.accounts.ensure(options.account, tier=options.tier, rate_limit_qps=options.qps)
        key = store.accounts.mint_key(account.account_id, options.mode, admin=options.admin)
    finally:
        store.close()
    if options.key_file is not None:
        _write_private(options.key_file, key)
    return {"account_id": account.account_id, "mode": options.mode, "key": key}


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)  # the file may have been there with another mode
        file.write(text + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sequence_paper.keys", description=__doc__)
    parser.add_argument(
        "--db", required=True, metavar="URL", help="sqlite:////path/to/file or postgresql://…"
    )
    parser.add_argument("--account", required=True, metavar="NAME", help="created if absent")
    parser.add_argument("--mode", required=True, choices=["live", "sandbox"], help="what the key may see")
    parser.add_argument("--tier", choices=sorted(TIER_QPS), help="of a new account: free")
    parser.add_argument(
        "--qps", type=_positive, metavar="N", help="requests per second (a new account: the tier's)"
    )
    parser.add_argument("--admin", action="store_true", help="the key may clear the account's kill switch")
    parser.add_argument("--key-file", type=Path, metavar="FILE", help="also write the key there, mode 0600")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number
