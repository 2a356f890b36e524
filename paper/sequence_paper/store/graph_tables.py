"""Tables `graphs` and `graph_nodes`."""

from __future__ import annotations

import sqlalchemy as sa

from sequence_paper.store.tables import BIG, JSON, TEXT, col, key, metadata

_BOOL = sa.Boolean()

graphs = sa.Table(
    "graphs",
    metadata,
    key("account_id"),
    key("mode"),
    key("graph_id"),
    col("content", TEXT),
    col("created_ns", BIG),
    col("edges", JSON),
    col("max_loss_1e9", BIG, null=True),
    col("version", BIG),
    col("paused_at_ns", BIG),
    col("paused_ns", BIG),
    col("pause_reason", TEXT, null=True),
    col("cancel", _BOOL),
    col("done", _BOOL),
    sa.Index("graphs_by_end", "done"),
)

graph_nodes = sa.Table(
    "graph_nodes",
    metadata,
    key("account_id"),
    key("mode"),
    key("graph_id"),
    key("node_id"),
    col("ordinal", sa.Integer()),
    col("order_id", TEXT),
    col("wanted", JSON),
    col("pacing", JSON, null=True),
    col("lot_1e8", BIG),
    col("activated_ns", BIG, null=True),
    col("whole", _BOOL),
    col("steps", sa.Integer()),
    col("due_ns", BIG),
    col("cancelled", _BOOL),
    col("closed", _BOOL),
    col("failure", TEXT, null=True),
    col("amend", JSON, null=True),
    sa.Index("graph_nodes_by_order", "order_id"),
)
