"""What a running module can and cannot do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import wasmtime

from sequence_paper.edge import abi, calls
from sequence_paper.edge.algo_state import StateWriter
from sequence_paper.edge.calls import fast_calls_work
from sequence_paper.edge.engine import MEMORY_LIMIT
from sequence_paper.edge.errors import AlgoFault, ModuleRefused
from sequence_paper.edge.features import Features
from sequence_paper.edge.host import Host
from sequence_paper.edge.sandbox import MAX_LOG_BYTES, Sandbox
from sequence_paper.venue.rules import symbol_rules
from support import wat

BIDS = [((100_000 - i) * 10**9, 10**8) for i in range(1, 21)]
ASKS = [((100_000 + i) * 10**9, 10**8) for i in range(1, 21)]
BOOK = abi.book(BIDS, ASKS, 1, 5)
FEATURES = Features(5).book(BIDS, ASKS, 5)


def state() -> bytearray:
    rules = symbol_rules("kraken", "BTC-USD")
    assert rules is not None
    return StateWriter("BTC-USD", 1, rules).data


class Box:
    """A sandbox with what it logged and sent."""

    def __init__(self, host: Host, wasm: bytes, params: tuple[int, ...] = ()) -> None:
        self.logs: list[tuple[int, bytes, bool]] = []
        self.sent: list[tuple[int, bytes]] = []
        self.box = Sandbox(
            host,
            host.load(wasm),
            lambda *record: self.logs.append(record),
            lambda *message: self.sent.append(message),
        )
        self.box.config(abi.config([abi.Param(f"p{i}", i, "int", v) for i, v in enumerate(params)], 1, 0))

    def book(self) -> list[abi.Action]:
        return self.box.on_book(BOOK, state(), FEATURES)


@pytest.fixture(params=[True, False], ids=["fast", "plain"])
def way(request: pytest.FixtureRequest, host: Host) -> Iterator[Host]:
    """The same host, entering modules by the unchecked call and by the documented one."""
    was = host.fast
    host.fast = request.param
    yield host
    host.fast = was


def test_the_fast_way_in_works_with_the_installed_wasmtime(host: Host) -> None:
    assert fast_calls_work(host.engine)


def test_an_algo_of_sdk_04_trades_logs_and_shuts_down(way: Host, algos: dict[str, bytes]) -> None:
    box = Box(way, algos["maker"], (5,))
    buy, sell = box.book()
    assert (buy.side, buy.order_type, buy.px_1e9, buy.qty_1e8) == (1, 4, 99_950 * 10**9, 1_000_000)
    assert (sell.side, sell.px_1e9, sell.order_id) == (-1, 100_050 * 10**9, 2)
    assert box.logs == [(2, b"config 1 half spread 5", False)]
    box.box.on_reject(abi.reject(1, 101, 1))
    box.box.on_fill(abi.fill(2, 1, 10, -1, 5, 1), state())
    assert box.logs[1:] == [
        (3, b"order 1 rejected: POSITION_LIMIT", False),
        (2, b"fill 2 qty 10 position 0", False),
    ]
    assert box.box.on_heartbeat(state(), FEATURES) == []
    assert box.box.on_shutdown(state()) == []


@pytest.mark.parametrize("crate", ["single01", "single03", "v3"])
def test_algos_of_older_sdks_trade(way: Host, algos: dict[str, bytes], crate: str) -> None:
    box = Box(way, algos[crate])
    (order,) = box.book()
    assert (order.side, order.order_type, order.px_1e9) == (1, 2, 100_001 * 10**9)
    box.box.on_fill(abi.fill(1, 1, 10, 1, 5, 1), state())
    assert box.logs == [(2, b"filled 1 now 0", False)]


def test_an_old_algo_with_a_small_stack_gets_buffers_of_its_own(host: Host) -> None:
    text = """
      (func (export "algo_on_book") (param i32 i32) (result i32)
        (i32.store (i32.const 0x8000) (i32.const 1))
        (i64.store (i32.const 0x8008) (i64.load (local.get 0)))
        (i64.store (i32.const 0x8018) (i64.const 5))
        (i32.store8 (i32.const 0x8020) (i32.const 1))
        (i32.const 0x8000))
      (global $next (mut i32) (i32.const 0x4000))
      (func (export "algo_alloc") (param i32) (result i32)
        (global.get $next) (global.set $next (i32.add (global.get $next) (local.get 0))))
      (func (export "algo_on_fill") (param i32 i32))
      (func (export "algo_on_reject") (param i32))
      (func (export "algo_on_shutdown") (param i32) (result i32) (i32.const 0))
    """
    box = Box(host, wat.module(f'(global (mut i32) (i32.const 0x4000)) (memory (export "memory") 2) {text}'))
    assert not box.box.module.fixed_tables
    (order,) = box.book()
    assert order.order_id == BIDS[0][0]


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (1, "OUT_OF_FUEL"),
        (2, "UNREACHABLE"),
        (3, "OUT_OF_FUEL"),
        (4, "OUT_OF_FUEL"),
    ],
    ids=["loops", "panics", "recurses", "logs for ever"],
)
def test_misbehaviour_ends_within_one_budget(
    way: Host, algos: dict[str, bytes], what: int, code: str
) -> None:
    box = Box(way, algos["faulty"], (what,))
    with pytest.raises(AlgoFault) as fault:
        box.book()
    assert fault.value.code == code
    assert fault.value.callback == "algo_on_book_v3"
    assert len(box.logs) <= 200  # each record costs fuel, so their number is bounded too


@pytest.mark.parametrize(
    ("wasm", "code", "says"),
    [
        (wat.garbage(17), "GARBAGE_ACTIONS", "count 17"),
        (wat.garbage(1), "GARBAGE_ACTIONS", "kind 238"),
        (wat.pointing_to(0x7FFF_FFFF), "BAD_POINTER", "outside"),
        (wat.pointing_to(-8), "BAD_POINTER", "outside"),
        (wat.pointing_to(0x24000), "BAD_POINTER", "platform's tables"),
        (wat.algo("(i32.load (i32.const -1))"), "MEMORY_OUT_OF_BOUNDS", "out of bounds"),
        (wat.algo("(i32.div_u (i32.const 1) (i32.const 0))"), "INTEGER_DIVISION_BY_ZERO", "divide by zero"),
        (wat.algo("(call $f) (i32.const 0)", more="(func $f (call $f))"), "STACK_OVERFLOW", "exhausted"),
    ],
    ids=["count", "entry", "far pointer", "negative pointer", "table pointer", "load", "division", "stack"],
)
def test_what_a_module_returns_is_not_believed(way: Host, wasm: bytes, code: str, says: str) -> None:
    box = Box(way, wasm)
    with pytest.raises(AlgoFault, match=says) as fault:
        box.book()
    assert fault.value.code == code


@pytest.mark.parametrize("pages", [1, 30])
def test_an_algo_that_grows_without_end_is_stopped(way: Host, pages: int) -> None:
    box = Box(way, wat.growing(pages))
    for _ in range((256 - 17) // pages):
        assert box.book() == []
    with pytest.raises(AlgoFault, match=str(MEMORY_LIMIT)) as fault:
        box.book()
    assert (fault.value.code, fault.value.callback) == ("MEMORY_LIMIT", "algo_on_book_v3")


def test_growing_within_the_limit_is_fine(way: Host) -> None:
    # Returns an action buffer in a page that did not exist when it was loaded.
    body = """
      (drop (memory.grow (i32.const 1)))
      (i32.store (i32.const 0x110000) (i32.const 1))
      (i32.store8 (i32.const 0x110008) (i32.const 9))
      (i32.store8 (i32.const 0x110021) (i32.const 1))
      (i32.const 0x110000)"""
    (cancel,) = Box(way, wat.algo(body)).book()
    assert (cancel.kind, cancel.order_id) == (abi.CANCEL, 9)


@pytest.mark.parametrize("pages", [257, 600])
def test_a_module_may_not_start_larger_than_the_limit(host: Host, pages: int) -> None:
    with pytest.raises(ModuleRefused, match="cannot be instantiated"):
        Box(host, wat.algo(memory=f'(memory (export "memory") {pages})'))


def test_a_start_function_runs_under_the_same_budget(host: Host) -> None:
    with pytest.raises(ModuleRefused, match="fuel"):
        Box(host, wat.algo(more="(func $s (loop (br 0))) (start $s)"))


LOGGING = '(import "env" "host_log_impl" (func $log (param i32 i32 i32)))'
SENDING = '(import "env" "__seq_send" (func $send (param i64 i32 i32)))'


def test_a_long_log_record_is_cut_and_says_so(host: Host) -> None:
    box = Box(
        host,
        wat.algo(
            "(call $log (i32.const 4) (i32.const 0x100000) (i32.const 60000)) (i32.const 0)", before=LOGGING
        ),
    )
    box.book()
    assert box.logs == [(4, bytes(MAX_LOG_BYTES), True)]


@pytest.mark.parametrize("import_", ["log", "send"])
def test_an_import_reads_only_the_modules_memory(way: Host, import_: str) -> None:
    call = {
        "log": "(call $log (i32.const 2) (i32.const -16) (i32.const 100))",
        "send": "(call $send (i64.const 2) (i32.const -16) (i32.const 100))",
    }[import_]
    box = Box(way, wat.algo(f"{call} (i32.const 0)", before=LOGGING + SENDING))
    with pytest.raises(AlgoFault, match="outside memory") as fault:
        box.book()
    assert fault.value.code == "BAD_POINTER"
    assert (box.logs, box.sent) == ([], [])


def test_messages_leave_with_the_peers_id_and_arrive_with_the_peers_label(
    way: Host, algos: dict[str, bytes]
) -> None:
    box = Box(way, algos["pair"])
    box.box.mesh(abi.mesh("left", 1, [abi.Peer("right", 2)]))
    box.box.on_heartbeat(state(), FEATURES)
    assert box.sent == [(2, (1).to_bytes(8, "little"))]
    box.box.on_message(2, b"ping", state())
    assert box.logs == [(2, b"heard 1 from right bytes 4", False)]
    assert box.sent[1:] == [(2, b"pong")]


def test_a_message_above_256_bytes_is_a_fault(host: Host) -> None:
    box = Box(
        host,
        wat.algo(
            "(call $send (i64.const 2) (i32.const 0x100000) (i32.const 257)) (i32.const 0)", before=SENDING
        ),
    )
    with pytest.raises(AlgoFault, match="257 bytes"):
        box.book()


def test_dropped_sandboxes_are_freed(host: Host, algos: dict[str, bytes]) -> None:
    import gc
    import weakref

    box = Sandbox(host, host.load(algos["pair"]), lambda *_: None, lambda *_: None)
    ref = weakref.ref(box)
    del box
    gc.collect()
    assert ref() is None


def test_the_clock_interrupts_code_that_fuel_would_not(host: Host) -> None:
    store = wasmtime.Store(host.engine)
    store.set_fuel(10**15)
    store.set_epoch_deadline(2)
    module = wasmtime.Module(host.engine, wat.module('(func (export "spin") (loop (br 0)))'))
    spin = wasmtime.Instance(store, module, []).exports(store)["spin"]
    host.ticker.run(True)
    with pytest.raises(wasmtime.Trap) as trap:
        spin(store)
    host.ticker.run(False)
    assert trap.value.trap_code is wasmtime.TrapCode.INTERRUPT


def test_without_the_private_names_of_the_wheel_an_edge_takes_the_documented_way(
    monkeypatch: pytest.MonkeyPatch, algos: dict[str, bytes]
) -> None:
    def missing(name: str) -> int:
        raise AttributeError(f"the wasmtime library has no {name}")

    calls._function.cache_clear()
    monkeypatch.setattr(calls, "_address", missing)
    slow = Host()
    try:
        assert not slow.fast
        buy, sell = Box(slow, algos["maker"], (5,)).book()
        assert (buy.px_1e9, sell.px_1e9) == (99_950 * 10**9, 100_050 * 10**9)
    finally:
        slow.close()
        calls._function.cache_clear()
