"""The mesh's client on a real NATS server: order, bounds, and coming back."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sequence_paper.mesh import connection
from sequence_paper.mesh.direct import MAX_UNSENT, DirectClient
from support.processes import Child, free_port, listening, wait_until


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[tuple[Child, str]]:
    port = free_port()
    server = Path(sys.executable).with_name("nats-server")
    child = Child("nats", [str(server), "-a", "127.0.0.1", "-p", str(port)], tmp_path / "nats.log")
    child.start()
    wait_until(lambda: listening(port), "NATS listens")
    yield child, f"nats://127.0.0.1:{port}"
    child.kill()


async def _client(url: str, name: str) -> DirectClient:
    async def away() -> None:
        """Nothing depends on knowing it here."""

    client = DirectClient()
    assert await connection.connect(client, url, name, away)
    return client


async def _until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not fact():  # noqa: ASYNC110 - counters, not events
            await asyncio.sleep(0.01)


async def test_every_message_arrives_once_and_in_order_whichever_way_it_was_sent(nats) -> None:
    _, url = nats
    sender, receiver = await _client(url, "sender"), await _client(url, "receiver")
    heard: list[int] = []
    await receiver.hear("m.*", lambda subject, data: heard.append(int(data)))
    await receiver.flush()
    for n in range(3_000):
        if n % 3 == 0:
            await sender.publish("m.a", b"%d" % n)
        else:
            assert sender.send("m.a", b"%d" % n)
    await _until(lambda: len(heard) == 3_000)
    assert heard == list(range(3_000))
    await sender.close()
    await receiver.close()


async def test_what_is_heard_takes_no_task_of_its_own(nats) -> None:
    """The shorter way is really taken: a release of nats-py that dispatches otherwise must not pass unnoticed."""
    _, url = nats
    client = await _client(url, "only")
    where: list[asyncio.Task | None] = []
    subscription = await client.hear("m.a", lambda *_: where.append(asyncio.current_task()))
    await client.flush()
    client.send("m.a", b"1")
    assert client.pending_data_size == 0, "written, not queued"
    await _until(lambda: bool(where))
    assert where[0] is client._reading_task
    await client.forget(subscription)
    await client.flush()
    client.send("m.a", b"2")
    await client.flush()
    assert len(where) == 1
    await client.close()


async def test_an_error_in_a_callback_ends_neither_the_connection_nor_the_others(nats, caplog) -> None:
    _, url = nats
    client = await _client(url, "only")
    heard: list[bytes] = []

    def fail(_: str, data: bytes) -> None:
        raise RuntimeError(f"cannot take {data!r}")

    await client.hear("m.bad", fail)
    await client.hear("m.good", lambda _, data: heard.append(data))
    await client.flush()
    client.send("m.bad", b"1")
    client.send("m.good", b"2")
    await _until(lambda: heard == [b"2"])
    assert "cannot take b'1'" in caplog.text
    await client.close()


async def test_a_server_that_is_gone_takes_nothing_and_one_that_comes_back_everything(nats) -> None:
    child, url = nats
    client = await _client(url, "only")
    heard: list[bytes] = []
    await client.hear("m.a", lambda _, data: heard.append(data))
    await client.flush()
    child.kill()
    await _until(lambda: not client.is_connected)
    assert not client.send("m.a", b"lost")
    child.start()
    await _until(lambda: client.is_connected)
    await client.flush()
    assert client.send("m.a", b"back")
    await _until(lambda: bool(heard))
    assert heard == [b"back"]
    await client.close()


async def test_a_server_that_stands_still_is_sent_only_so_much(nats) -> None:
    child, url = nats
    client = await _client(url, "only")
    child.process.send_signal(signal.SIGSTOP)
    try:
        size, taken = 64 << 10, 0
        while client.send("m.a", bytes(size)):
            taken += 1
            assert taken * size < 64 << 20, "it would queue without end"
        assert taken * size > MAX_UNSENT
        assert not client.send("m.a", b"1")
    finally:
        child.process.send_signal(signal.SIGCONT)
    await _until(lambda: client.send("m.a", b"2"))
    await client.close()
