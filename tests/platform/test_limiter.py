"""The bucket and its lanes. Order is asserted, never duration."""

from __future__ import annotations

import asyncio

import pytest

from sequence_operator.platform import Lane, RateLimiter


class Clock:
    """Seconds that pass only when a test says so: on a busy machine real ones would be there before all asked."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def served(limiter: RateLimiter, clock: Clock, *lanes: Lane) -> list[Lane]:
    """In which order waiting calls get their tokens, when all asked before the first was there."""
    order: list[Lane] = []

    async def call(lane: Lane) -> None:
        await limiter.acquire(lane)
        order.append(lane)

    tasks = [asyncio.create_task(call(lane)) for lane in lanes]
    await asyncio.sleep(0)
    assert sum(limiter.waiting().values()) == len(lanes)
    while len(order) < len(lanes):
        clock.now += 1.0 / limiter.rps
        await asyncio.sleep(1.0 / limiter.rps)
    await asyncio.gather(*tasks)
    return order


async def drained(clock: Clock, **options: float) -> RateLimiter:
    limiter = RateLimiter(500.0, 1, clock=clock, **options)
    await limiter.acquire(Lane.POLL)
    return limiter


MIXED = (Lane.POLL, Lane.REGISTER, Lane.START, Lane.STOP, Lane.REGISTER, Lane.STOP)


async def test_a_stop_is_always_next() -> None:
    limiter = await drained(clock := Clock(), poll_share=1e9)
    assert await served(limiter, clock, *MIXED) == sorted(MIXED)


async def test_a_poll_that_waited_its_share_goes_right_after_the_stops() -> None:
    limiter = await drained(clock := Clock(), poll_share=0.0)
    expected = [Lane.STOP, Lane.STOP, Lane.POLL, Lane.START, Lane.REGISTER, Lane.REGISTER]
    assert await served(limiter, clock, *MIXED) == expected


async def test_polls_are_not_starved_by_an_endless_stream_of_registrations() -> None:
    limiter = RateLimiter(2000.0, 1, poll_share=0.005)
    got = asyncio.create_task(limiter.acquire(Lane.POLL))
    registrations = 0
    while not got.done():
        await limiter.acquire(Lane.REGISTER)
        registrations += 1
        assert registrations < 5000
    await got


async def test_a_burst_goes_at_once() -> None:
    limiter = RateLimiter(0.001, 5)
    for _ in range(5):
        await limiter.acquire(Lane.POLL)
    sixth = asyncio.ensure_future(limiter.acquire(Lane.POLL))
    await asyncio.sleep(0)
    assert limiter.waiting()[Lane.POLL] == 1
    sixth.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sixth


async def test_tokens_come_back_with_time() -> None:
    now = [0.0]
    limiter = RateLimiter(2, 4, clock=lambda: now[0])
    for _ in range(4):
        await limiter.acquire(Lane.POLL)
    now[0] = 1.0
    await limiter.acquire(Lane.POLL)
    await limiter.acquire(Lane.POLL)
    last = asyncio.ensure_future(limiter.acquire(Lane.POLL))
    await asyncio.sleep(0)
    assert limiter.waiting()[Lane.POLL] == 1
    now[0] = 1.5
    limiter.adapt({})  # any answer lets it look at the clock
    await last


async def test_a_cancelled_call_does_not_take_a_token_with_it() -> None:
    limiter = RateLimiter(0.001, 1)
    await limiter.acquire(Lane.STOP)
    first = asyncio.ensure_future(limiter.acquire(Lane.STOP))
    await asyncio.sleep(0)
    limiter.give_back()
    first.cancel()  # it has its token already, but never runs on
    with pytest.raises(asyncio.CancelledError):
        await first
    await limiter.acquire(Lane.POLL)


async def test_the_profile_sets_the_budget() -> None:
    limiter = RateLimiter(5, 10)
    limiter.configure(100)
    assert (limiter.rps, limiter.burst) == (100, 200)
    limiter.configure(7, 9)
    assert (limiter.rps, limiter.burst) == (7, 9)


@pytest.mark.parametrize(
    ("headers", "rps", "burst"),
    [
        ({"x-ratelimit-limit": "2"}, 2, 4),
        ({"x-ratelimit-limit": "20"}, 5, 10),
        ({"x-ratelimit-limit": "0"}, 5, 10),
        ({"x-ratelimit-limit": "many"}, 5, 10),
        ({"x-ratelimit-limit": "nan"}, 5, 10),
        ({}, 5, 10),
    ],
)
async def test_headers_only_lower_the_budget(headers: dict[str, str], rps: float, burst: float) -> None:
    limiter = RateLimiter(5, 10)
    limiter.adapt(headers)
    assert (limiter.rps, limiter.burst) == (rps, burst)
    limiter.adapt({"x-ratelimit-limit": "1000"})
    assert (limiter.rps, limiter.burst) == (5, 10)


async def test_the_platform_s_own_count_of_tokens_is_believed() -> None:
    now = [0.0]
    limiter = RateLimiter(1, 10, clock=lambda: now[0])
    limiter.adapt({"x-ratelimit-remaining": "1"})
    await limiter.acquire(Lane.POLL)
    waiting = asyncio.ensure_future(limiter.acquire(Lane.POLL))
    await asyncio.sleep(0)
    assert limiter.waiting()[Lane.POLL] == 1
    now[0] = 1.0
    limiter.adapt({})
    await waiting


async def test_retry_after_silences_until_then_even_stops() -> None:
    now = [0.0]
    limiter = RateLimiter(1, 10, clock=lambda: now[0])
    limiter.adapt({"retry-after": "30"}, 429)
    stop = asyncio.ensure_future(limiter.acquire(Lane.STOP))
    for moment in (0.0, 29.0):
        now[0] = moment
        limiter.adapt({})
        await asyncio.sleep(0)
        assert limiter.waiting()[Lane.STOP] == 1
    now[0] = 31.1
    limiter.adapt({})
    await stop


async def test_a_retry_after_of_days_is_not_obeyed_for_days() -> None:
    now = [0.0]
    limiter = RateLimiter(1, 10, clock=lambda: now[0])
    limiter.adapt({"retry-after": "1000000"}, 503)
    now[0] = 302.0
    await limiter.acquire(Lane.STOP)
