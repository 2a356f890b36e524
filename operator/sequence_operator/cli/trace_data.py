"""A trace as `sequence trace -o json` prints it, from the row of the platform. Shapes only: nothing is fetched here."""

import re
import shlex
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from sequence_operator.cli.giturl import place, without_credentials

Json = dict[str, Any]

_ORDER = (
    "order_id",
    "client_order_id",
    "symbol",
    "venue",
    "edge_id",
    "side",
    "order_type",
    "tif",
    "price_1e9",
    "qty_1e8",
    "filled_qty_1e8",
    "avg_fill_price_1e9",
    "fees_1e9",
    "status",
    "failure_reason",
    "created_ns",
)
_FORGES = (
    (re.compile(r"github\."), "commit"),
    (re.compile(r"gitlab\."), "-/commit"),
    (re.compile(r"bitbucket\.org\Z"), "commits"),
    (re.compile(r"(codeberg\.org|gitea\.|forgejo\.)"), "commit"),
)


def build(row: Json) -> Json:
    """`row`: an entry of `GET /v1/traces`. What a platform leaves out is null."""
    steps = _steps(row.get("events") or [])
    return {
        "schema": "trace/v1",
        "order": {name: row.get(name) for name in _ORDER},
        "deployment": {
            "name": row.get("deployment"),
            "deployment_id": row.get("deployment_id"),
            "label": row.get("label"),
            "wasm_sha256": row.get("wasm_sha256"),
            "uid": row.get("uid"),
            "managed_by": row.get("managed_by"),
        },
        "source": _source(row),
        "steps": steps,
        "sum_ns": sum(step["delta_ns"] for step in steps),
        "last_minus_first_ns": steps[-1]["ts_ns"] - steps[0]["ts_ns"] if steps else 0,
        "decision_mid_1e9": row.get("decision_mid_1e9"),
        "arrival_mid_1e9": row.get("arrival_mid_1e9"),
        "book": row.get("book"),
        "parent": row.get("parent"),
        "children": row.get("children") or [],
    }


def _steps(events: list[Json]) -> list[Json]:
    """`delta_ns` is the time since the step before, on the edge's clock; 0 for the first."""
    deltas = [0, *(after["ts_ns"] - before["ts_ns"] for before, after in pairwise(events))][: len(events)]
    return [
        {
            "stage": event["stage"],
            "ts_ns": event["ts_ns"],
            "delta_ns": delta,
            "feed_ns": event.get("feed_ns"),
            "detail": event.get("detail") or {},
        }
        for event, delta in zip(events, deltas, strict=True)
    ]


def _source(row: Json) -> Json:
    """Where the module came from, and the way there."""
    origin = row.get("origin") or {}
    repository, path, commit = origin.get("repository"), origin.get("path"), row.get("commit")
    known = isinstance(commit, str) and re.fullmatch(r"[0-9a-f]{7,64}", commit) is not None
    inside = f" -- {shlex.quote(path)}" if path and path != "." else ""
    return {
        "commit": commit,
        "repository": without_credentials(repository) if repository else None,
        "path": path,
        "git_show": f"git show {commit[:12]}{inside}" if known and commit else None,
        "commit_url": commit_url(repository, commit) if known and repository and commit else None,
    }


def commit_url(repository: str, commit: str) -> str | None:
    """The commit's page, which names its pull request; None when the forge is not one whose pages are known."""
    found = place(repository)
    for host, word in _FORGES:
        if host.match(found.host) and found.path:
            port = f":{found.port}" if found.port else ""
            return f"https://{found.host}{port}/{quote(found.path)}/{word}/{commit[:12]}"
    return None
