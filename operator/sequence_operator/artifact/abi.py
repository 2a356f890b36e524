"""The binary interface between an edge and an algo: which functions, which types, which memory is spoken for."""

IMPORTS: dict[tuple[str, str], str] = {
    ("env", "host_log_impl"): "(i32 i32 i32)->()",
    ("env", "__seq_send"): "(i64 i32 i32)->()",
}
"""All a module may import."""

EXPORTS: dict[str, str] = {
    "algo_on_book": "(i32 i32)->i32",
    "algo_on_book_v3": "(i32 i32)->i32",
    "algo_on_nbbo": "(i32 i32 i32)->i32",
    "algo_on_heartbeat": "(i32)->i32",
    "algo_on_message": "(i64 i32 i32 i32)->i32",
    "algo_on_fill": "(i32 i32)->()",
    "algo_on_reject": "(i32)->()",
    "algo_on_shutdown": "(i32)->i32",
    "algo_alloc": "(i32)->i32",
}
"""What the host calls, with the only type it calls it by."""

ENTRIES = ("algo_on_book_v3", "algo_on_nbbo", "algo_on_book")
"""A module without any of these can never act."""

ALWAYS = ("algo_on_fill", "algo_on_reject", "algo_on_shutdown", "algo_alloc")
"""What `export_algo!` of every SDK emits besides the entries."""

TABLES_END = 0x25000
"""The host writes features, configuration and mesh tables below this address; an algo's data must lie above."""

STACK_FLOOR = 0x40000
"""Lowest stack top that leaves room for the stack itself above the tables."""
