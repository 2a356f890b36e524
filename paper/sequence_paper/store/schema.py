"""The tables of accounts, deployments, trading, logs and edges.

A change of their shape raises `VERSION` and adds to `MIGRATIONS`; it never edits an old step. Whole new tables need
no statement: they are created when they are missing.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from sequence_paper.store.tables import BIG as _BIG
from sequence_paper.store.tables import JSON as _JSON
from sequence_paper.store.tables import SEQ as _SEQ
from sequence_paper.store.tables import TEXT as _T
from sequence_paper.store.tables import U64, metadata
from sequence_paper.store.tables import col as _col
from sequence_paper.store.tables import key as _key
from sequence_paper.store.tables import of_deployment as _of_deployment

VERSION = 2
MIGRATIONS: dict[int, list[str]] = {
    2: [
        "DROP TABLE IF EXISTS mesh_links",
        "ALTER TABLE orders ADD COLUMN parent_id TEXT",
        "ALTER TABLE fills ADD COLUMN certainty TEXT",
        "ALTER TABLE api_keys ADD COLUMN admin BOOLEAN NOT NULL DEFAULT FALSE",
        "ALTER TABLE api_keys ADD COLUMN label TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE orders ADD COLUMN expire_ns BIGINT",
        "ALTER TABLE orders ADD COLUMN reduce_only BOOLEAN NOT NULL DEFAULT FALSE",
        "ALTER TABLE positions ADD COLUMN cost_1e9 BIGINT",
    ]
}
"""version reached → SQL statements that lead there from the version before."""

schema_version = sa.Table("schema_version", metadata, _key("version", sa.Integer()))

accounts = sa.Table(
    "accounts",
    metadata,
    _key("account_id"),
    sa.Column("name", _T, nullable=False, unique=True),
    _col("tier", _T),
    _col("rate_limit_qps", sa.Integer()),
    _col("created_at_ns", _BIG),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    _key("key_sha256"),  # the key itself is never stored
    sa.Column("account_id", _T, sa.ForeignKey("accounts.account_id", ondelete="CASCADE"), nullable=False),
    _col("mode", _T),
    _col("created_at_ns", _BIG),
    _col("admin", sa.Boolean()),
    _col("label", _T),
)

artifacts = sa.Table(
    "artifacts",
    metadata,
    _key("sha256"),
    _col("size_bytes", sa.Integer()),
    _col("wasm", sa.LargeBinary()),
    _col("created_at_ns", _BIG),
)

deployments = sa.Table(
    "deployments",
    metadata,
    _key("deployment_id"),
    sa.Column("account_id", _T, sa.ForeignKey("accounts.account_id"), nullable=False),
    _col("mode", _T),
    _col("name", _T),
    sa.Column("wasm_sha256", _T, sa.ForeignKey("artifacts.sha256"), nullable=False),
    _col("size_bytes", sa.Integer()),
    _col("symbols", _JSON),
    _col("risk", _JSON, null=True),
    _col("params", _JSON, null=True),
    _col("mesh", _JSON, null=True),
    _col("on_stop", _T),
    _col("manifest", _T, null=True),
    _col("metadata", _JSON, null=True),
    _col("desired", _T),
    _col("revision", sa.Integer()),
    _col("starts", sa.Integer()),
    _col("pause", _JSON, null=True),
    _col("created_at_ns", _BIG),
    _col("updated_at_ns", _BIG),
    sa.UniqueConstraint("account_id", "mode", "name", name="one_name_per_account_and_mode"),
)

instances = sa.Table(
    "instances",
    metadata,
    _of_deployment(),
    _key("label"),
    _col("ordinal", sa.Integer()),
    _col("venue", _T),
    _col("instrument_type", _T),
    _col("edge_id", _T),
    _col("symbols", _JSON),
    _col("risk", _JSON, null=True),
    _col("params", _JSON, null=True),
    # What the edge observed:
    _col("status", _T),
    _col("warm", sa.Boolean()),
    _col("applied_revision", sa.Integer()),
    _col("applied_starts", sa.Integer()),
    _col("heartbeat_ns", _BIG),
    _col("error", _T),
    _col("pause_reason", _T, null=True),
    _col("update_count", _BIG),
    _col("callbacks", _BIG),
    _col("latency_p50_ns", _BIG, null=True),
    _col("latency_p99_ns", _BIG, null=True),
    _col("orders_open", sa.Integer()),
    _col("orders_submitted", _BIG),
    _col("orders_filled", _BIG),
    _col("orders_rejected", _BIG),
    _col("orders_cancelled", _BIG),
    _col("deployed_at_ns", _BIG, null=True),
    sa.Index("instances_by_edge", "edge_id"),
)

_OWNER = (
    "account_id",
    "mode",
    "deployment_id",
    "deployment",
    "label",
    "edge_id",
    "venue",
    "instrument_type",
    "symbol",
)


def _owner() -> list[sa.Column[Any]]:
    # No foreign key to deployments: orders, fills and positions outlive the registration.
    return [_col(name, _T) for name in _OWNER]


orders = sa.Table(
    "orders",
    metadata,
    sa.Column("seq", _SEQ, primary_key=True, autoincrement=True),
    sa.Column("order_id", _T, nullable=False, unique=True),
    *_owner(),
    _col("side", _T),
    _col("order_type", _T),
    _col("tif", _T),
    _col("price_1e9", U64(), null=True),
    _col("qty_1e8", _BIG),
    _col("filled_qty_1e8", _BIG),
    _col("filled_notional_1e9", _BIG),
    _col("fees_1e9", _BIG),
    _col("status", _T),
    _col("created_ns", _BIG),
    _col("updated_ns", _BIG),
    _col("client_key", U64()),
    _col("reject_code", sa.Integer(), null=True),
    _col("failure_reason", _T, null=True),
    _col("decision_mid_1e9", _BIG),
    _col("parent_id", _T, null=True),
    _col("expire_ns", _BIG, null=True),
    _col("reduce_only", sa.Boolean()),
    sa.Index("orders_of_account", "account_id", "mode", "seq"),
    sa.Index("orders_of_deployment", "deployment_id", "status"),
    sa.Index("orders_of_edge", "edge_id", "status"),
)

fills = sa.Table(
    "fills",
    metadata,
    sa.Column("seq", _SEQ, primary_key=True, autoincrement=True),
    sa.Column("fill_id", _T, nullable=False, unique=True),
    _col("order_id", _T),
    *_owner(),
    _col("side", _T),
    _col("price_1e9", _BIG),
    _col("qty_1e8", _BIG),
    _col("fee_1e9", _BIG),
    _col("liquidity", _T),
    _col("realized_pnl_1e9", _BIG),
    _col("ts_ns", _BIG),
    _col("mid_1e9", _BIG),
    _col("feed_state", _T),
    _col("certainty", _T, null=True),
    sa.Index("fills_of_account", "account_id", "mode", "seq"),
    sa.Index("fills_of_order", "order_id"),
    sa.Index("fills_of_deployment", "deployment_id", "label"),
)

positions = sa.Table(
    "positions",
    metadata,
    sa.Column("position_id", _SEQ, primary_key=True, autoincrement=True),
    _col("account_id", _T),
    _col("mode", _T),
    _col("deployment", _T),
    _col("venue", _T),
    _col("symbol", _T),
    _col("instrument_type", _T),
    _col("qty_1e8", _BIG),
    _col("avg_entry_1e9", _BIG),
    _col("realized_pnl_1e9", _BIG),
    _col("session_day", sa.Integer()),
    _col("session_realized_pnl_1e9", _BIG),
    _col("fees_1e9", _BIG),
    _col("mark_1e9", _BIG),
    _col("updated_ns", _BIG),
    _col("fill_count", _BIG),
    _col("cost_1e9", _BIG, null=True),
    sa.UniqueConstraint(
        "account_id", "mode", "deployment", "venue", "symbol", name="one_position_per_symbol"
    ),
)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("seq", _SEQ, primary_key=True, autoincrement=True),
    sa.Column("entry_id", _T, nullable=False, unique=True),
    _col("account_id", _T),
    _col("mode", _T),
    _col("deployment", _T),
    _col("venue", _T),
    _col("kind", _T),
    _col("asset", _T),
    _col("amount_1e9", _BIG),
    _col("ref", _T),
    _col("ts_ns", _BIG),
    sa.Index("ledger_of_account", "account_id", "mode", "seq"),
)

log_heads = sa.Table("log_heads", metadata, _of_deployment(), _col("seq", _BIG))
"""The last number given to a log line, apart from `deployments` so that logging never waits for the API."""

logs = sa.Table(
    "logs",
    metadata,
    _of_deployment(),
    _key("seq", _BIG),
    _col("label", _T),
    _col("edge_id", _T),
    _col("level", sa.Integer()),
    _col("message", _T),
    _col("ts_ns", _BIG),
)

edges = sa.Table(
    "edges",
    metadata,
    _key("edge_id"),
    _col("venue", _T),
    _col("instrument_type", _T),
    _col("symbols", _JSON),
    _col("region", _T),
    _col("feed", _JSON),
    _col("started_ns", _BIG),
    _col("beat_ns", _BIG),
)
