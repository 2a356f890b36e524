"""The queue: one pass per key at a time, the urgent first, failures ever later."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sequence_operator.controller.dispatcher import Dispatcher
from sequence_operator.controller.queue import BACKOFF_FIRST, BACKOFF_MOST, KeyedQueue
from sequence_operator.platform.limiter import Lane


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def queue(clock: Clock | None = None) -> KeyedQueue[str]:
    return KeyedQueue(clock or Clock(), jitter=lambda: 1.0)


async def take(from_: KeyedQueue[str], worst: Lane = Lane.POLL) -> tuple[str, Lane] | None:
    try:
        async with asyncio.timeout(0):
            return await from_.get(lambda: worst)
    except TimeoutError:
        return None


async def test_a_better_lane_is_always_next():
    q = queue()
    for key, lane in (
        ("poll", Lane.POLL),
        ("register", Lane.REGISTER),
        ("start", Lane.START),
        ("stop", Lane.STOP),
    ):
        q.add(key, lane)
    assert [(await take(q))[0] for _ in range(4)] == ["stop", "start", "register", "poll"]


async def test_many_wakes_are_one_pass_in_the_best_lane():
    q = queue()
    q.add("a", Lane.POLL)
    q.add("a", Lane.STOP)
    q.add("a", Lane.REGISTER)
    assert await take(q) == ("a", Lane.STOP)
    assert await take(q) is None


async def test_a_wake_during_a_pass_is_one_more_pass_after_it():
    q = queue()
    q.add("a")
    assert await take(q) == ("a", Lane.POLL)
    q.add("a", Lane.POLL)
    q.add("a", Lane.START)
    assert await take(q) is None
    q.done("a")
    assert await take(q) == ("a", Lane.START)
    q.done("a")
    assert await take(q) is None


async def test_a_later_look_comes_when_due_and_not_twice():
    clock = Clock()
    q = queue(clock)
    q.add_later("a", 5.0)
    q.add_later("a", 9.0)
    assert await take(q) is None
    clock.now = 5.0
    assert await take(q) == ("a", Lane.POLL)
    q.done("a")
    clock.now = 20.0
    assert await take(q) is None


async def test_an_earlier_look_replaces_a_later_one():
    clock = Clock()
    q = queue(clock)
    q.add_later("a", 9.0, Lane.POLL)
    q.add_later("a", 2.0, Lane.STOP)
    clock.now = 2.0
    assert await take(q) == ("a", Lane.STOP)


async def test_a_later_look_asked_for_during_a_pass_is_kept():
    clock = Clock()
    q = queue(clock)
    q.add("a")
    await take(q)
    q.add_later("a", 3.0, Lane.START)
    q.done("a")
    assert await take(q) is None
    clock.now = 3.0
    assert await take(q) == ("a", Lane.START)


async def test_backoff_doubles_up_to_a_minute_and_starts_anew_after_success():
    clock = Clock()
    q = queue(clock)
    delays = []
    for _ in range(10):
        delays.append(q.add_failed("a", Lane.REGISTER))
        clock.now += delays[-1]
        await take(q)
        q.done("a")
    assert delays[:4] == [BACKOFF_FIRST, 2 * BACKOFF_FIRST, 4 * BACKOFF_FIRST, 8 * BACKOFF_FIRST]
    assert delays[-1] == BACKOFF_MOST
    q.succeeded("a")
    assert q.add_failed("a", Lane.REGISTER) == BACKOFF_FIRST
    assert q.add_failed("b", Lane.REGISTER, at_least=30.0) == 30.0


async def test_a_forgotten_key_never_comes():
    clock = Clock()
    q = queue(clock)
    q.add("a")
    q.add_later("b", 1.0)
    q.forget("a")
    q.forget("b")
    clock.now = 5.0
    assert await take(q) is None
    assert q.idle


async def test_a_waiting_consumer_is_woken_by_what_becomes_due():
    q: KeyedQueue[str] = KeyedQueue()
    q.add_later("a", 0.01, Lane.START)
    async with asyncio.timeout(5):
        assert await q.get() == ("a", Lane.START)


OPERATIONS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([*Lane, "later", "take", "done", "forget"])),
    max_size=60,
)


@given(OPERATIONS)
def test_no_key_is_lost_and_none_runs_twice_at_once(operations):
    """Every key woken after its last pass began gets a pass in the end, whatever happened in between."""

    async def play() -> None:
        clock = Clock()
        q = queue(clock)
        owed: set[str] = set()
        running: set[str] = set()
        for key, operation in operations:
            clock.now += 1.0
            if isinstance(operation, Lane):
                q.add(key, operation)
                owed.add(key)
            elif operation == "later":
                q.add_later(key, 0.5)
                owed.add(key)
            elif operation == "take":
                taken = await take(q)
                if taken is not None:
                    assert taken[0] not in running
                    running.add(taken[0])
                    owed.discard(taken[0])
            elif operation == "done" and key in running:
                running.discard(key)
                q.done(key)
            elif operation == "forget" and key not in running:
                q.forget(key)
                owed.discard(key)
        for key in list(running):
            q.done(key)
        clock.now += 100.0
        for _ in range(10):
            taken = await take(q)
            if taken is not None:
                owed.discard(taken[0])
                q.done(taken[0])
        assert not owed

    asyncio.run(play())


# -- the dispatcher ----------------------------------------------------------------------------------


class Passes:
    """Passes that wait until they are let go."""

    def __init__(self) -> None:
        self.running: Counter[str] = Counter()
        self.begun: list[str] = []
        self.go = asyncio.Event()
        self.changed = asyncio.Event()

    async def __call__(self, key: str, lane: Lane) -> None:
        self.running[key] += 1
        assert self.running[key] == 1
        self.begun.append(key)
        self.changed.set()
        await self.go.wait()
        self.running[key] -= 1

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.begun) < count:
                self.changed.clear()
                await self.changed.wait()


async def test_a_stop_finds_room_though_every_place_is_taken():
    q: KeyedQueue[str] = KeyedQueue()
    passes = Passes()
    dispatcher = Dispatcher(q, passes, concurrency=2)
    serving = asyncio.create_task(dispatcher.run())
    for key in ("a", "b", "c"):
        q.add(key, Lane.REGISTER)
    await passes.until(2)
    q.add("urgent", Lane.STOP)
    await passes.until(3)
    assert passes.begun == ["a", "b", "urgent"]
    passes.go.set()
    await passes.until(4)
    assert passes.begun[-1] == "c"
    serving.cancel()
    await dispatcher.drain(1.0)


async def test_draining_ends_what_takes_too_long():
    q: KeyedQueue[str] = KeyedQueue()
    passes = Passes()
    dispatcher = Dispatcher(q, passes, concurrency=2)
    serving = asyncio.create_task(dispatcher.run())
    q.add("a", Lane.REGISTER)
    await passes.until(1)
    serving.cancel()
    async with asyncio.timeout(5):
        await dispatcher.drain(0.01)
    assert q.running == 0
