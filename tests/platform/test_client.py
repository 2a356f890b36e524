"""Every call as it goes over the wire, and every way in which it can fail."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from sequence_operator import __version__
from sequence_operator.platform import (
    Lane,
    Listing,
    NotModified,
    PlatformClient,
    PlatformError,
    RateLimiter,
    Unreachable,
)
from support.wire import Answer, Server

KEY = "seq_test_" + "0123456789abcdef" * 4
ROW = {"deployment_id": "dep_1", "name": "my-mm", "status": "accepted"}


@pytest.fixture
async def client(server: Server) -> AsyncIterator[PlatformClient]:
    async with PlatformClient(server.url, KEY, limiter=RateLimiter(1000, 1000), timeout=5) as found:
        yield found


Call = Callable[[PlatformClient], Awaitable[Any]]
BODY = {"name": "my-mm", "wasm_base64": "AA==", "start_immediately": False}


@pytest.mark.parametrize(
    ("call", "method", "path", "body"),
    [
        (lambda c: c.account(), "GET", "/v1/account", None),
        (lambda c: c.list_deployments(), "GET", "/v1/deployments", None),
        (lambda c: c.get("dep_1"), "GET", "/v1/deployments/dep_1", None),
        (lambda c: c.create(BODY), "POST", "/v1/deployments", BODY),
        (lambda c: c.patch("dep_1", {"risk": {}}), "PATCH", "/v1/deployments/dep_1", {"risk": {}}),
        (
            lambda c: c.patch("dep_1", {"risk": {}}, if_revision=3),
            "PATCH",
            "/v1/deployments/dep_1",
            {"risk": {}, "if_revision": 3},
        ),
        (lambda c: c.delete("dep_1"), "DELETE", "/v1/deployments/dep_1", None),
        (lambda c: c.start("dep_1"), "POST", "/v1/deployments/dep_1/start", None),
        (lambda c: c.start("dep_1", "p-1"), "POST", "/v1/deployments/dep_1/start", {"acknowledge": "p-1"}),
        (lambda c: c.stop("dep_1"), "POST", "/v1/deployments/dep_1/stop", None),
        (lambda c: c.logs("dep_1", limit=5), "GET", "/v1/deployments/dep_1/logs?limit=5", None),
        (
            lambda c: c.logs("dep_1", after=7, level="WARN", label="maker"),
            "GET",
            "/v1/deployments/dep_1/logs?limit=100&after=7&level=WARN&label=maker",
            None,
        ),
        (lambda c: c.mesh("dep_1"), "GET", "/v1/deployments/dep_1/mesh", None),
        (lambda c: c.metrics("dep_1"), "GET", "/v1/deployments/dep_1/metrics", None),
        (lambda c: c.orders(limit=2), "GET", "/v1/orders?limit=2", None),
        (lambda c: c.fills(), "GET", "/v1/fills", None),
        (lambda c: c.positions(), "GET", "/v1/positions", None),
    ],
)
async def test_the_call_on_the_wire(
    client: PlatformClient, server: Server, call: Call, method: str, path: str, body: Any
) -> None:
    server.will(Answer(json=ROW | {"deployments": [ROW]}))
    await call(client)
    (asked,) = server.asked
    assert (asked.method, asked.path) == (method, path)
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert asked.headers["User-Agent"] == f"sequence-operator/{__version__}"
    assert (json.loads(asked.body) if asked.body else None) == body


async def test_health_needs_no_key(server: Server) -> None:
    server.will(Answer(200), Answer(503))
    async with PlatformClient(server.url, None) as client:
        assert await client.health()
        assert not await client.health()
    assert "Authorization" not in server.asked[0].headers
    async with PlatformClient("http://127.0.0.1:9", None) as nowhere:
        assert not await nowhere.health()


@pytest.mark.parametrize("odd", ["a/b", "../account", "a b?x=1#y", "ä%2F", "a%2e%2e"])
async def test_ids_are_encoded_whole(client: PlatformClient, server: Server, odd: str) -> None:
    server.will(Answer(json=ROW))
    await client.get(odd)
    path = server.asked[0].path
    assert path.startswith("/v1/deployments/")
    rest = path.removeprefix("/v1/deployments/")
    assert "/" not in rest
    assert "?" not in rest


@pytest.mark.parametrize("dots", ["", ".", ".."])
async def test_an_id_that_would_climb_is_no_id(client: PlatformClient, server: Server, dots: str) -> None:
    with pytest.raises(PlatformError) as caught:
        await client.delete(dots)
    assert caught.value.status == 404
    assert server.asked == []


async def test_a_list_is_asked_for_only_when_it_changed(client: PlatformClient, server: Server) -> None:
    server.will(Answer(json={"deployments": [ROW]}, headers={"ETag": 'W/"7"'}), Answer(304))
    first = await client.list_deployments()
    assert isinstance(first, Listing)
    assert [r.deployment_id for r in first.rows] == ["dep_1"]
    assert first.rows[0].raw is None
    assert await client.list_deployments(first.etag) == NotModified('W/"7"')
    assert server.asked[1].headers["If-None-Match"] == 'W/"7"'


async def test_a_bare_list_is_a_list_too(client: PlatformClient, server: Server) -> None:
    server.will(Answer(json=[ROW]))
    found = await client.list_deployments()
    assert isinstance(found, Listing)
    assert len(found.rows) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(text="<html>"),
        Answer(json={"deployments": {}}),
        Answer(json=3),
        Answer(json={"deployments": [{"name": "no id"}]}),
        Answer(json={"deployments": ["x"]}),
        Answer(json={"deployments": [ROW, None]}),
        Answer(text="[" * 100_000),
        Answer(204),
        Answer(304),
    ],
)
async def test_an_unreadable_list_is_an_error_not_an_empty_list(
    client: PlatformClient, server: Server, answer: Answer
) -> None:
    server.will(answer)
    with pytest.raises(PlatformError):
        await client.list_deployments()


@pytest.mark.parametrize(
    "answer", [Answer(text="ok"), Answer(json=[]), Answer(204), Answer(json={"name": "x"})]
)
async def test_a_write_was_done_however_unreadable_its_answer(
    client: PlatformClient, server: Server, answer: Answer
) -> None:
    server.will(answer)
    assert await client.create(BODY) is None


async def test_an_unreadable_row_is_an_error(client: PlatformClient, server: Server) -> None:
    for answer in (Answer(text="ok"), Answer(204), Answer(json=[])):
        server.will(answer)
        with pytest.raises(PlatformError) as caught:
            await client.get("dep_1")
        assert caught.value.code == "GARBAGE"


async def test_a_delete_tells_whether_it_is_done(client: PlatformClient, server: Server) -> None:
    server.will(Answer(204), Answer(202, ROW))
    assert await client.delete("dep_1") is True
    assert await client.delete("dep_1") is False


# --- errors ---


async def fail(client: PlatformClient, server: Server, answer: Answer) -> PlatformError:
    server.will(answer)
    with pytest.raises(PlatformError) as caught:
        await client.create(BODY)
    return caught.value


async def test_the_structured_envelope(client: PlatformClient, server: Server) -> None:
    details = [{"field": "name", "message": "taken"}]
    envelope = {"code": "CONFLICT", "message": "name is taken", "request_id": "r-1", "details": details}
    error = await fail(client, server, Answer(409, {"error": envelope, "deployment_id": "dep_9"}))
    assert (error.status, error.code, error.message, error.field) == (
        409,
        "CONFLICT",
        "name is taken",
        "name",
    )
    assert (error.holder_id, error.request_id) == ("dep_9", "r-1")
    assert str(error) == "the platform answered 409 CONFLICT: name is taken"


async def test_the_bare_envelope(client: PlatformClient, server: Server) -> None:
    answer = Answer(429, {"error": "Rate limit exceeded"}, headers={"Retry-After": "0.001"})
    error = await fail(client, server, answer)
    assert (error.message, error.retry_after) == ("Rate limit exceeded", 0.001)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(502, text="<h1>Bad gateway</h1>"), "<h1>Bad gateway</h1>"),
        (Answer(500), "Internal Server Error"),
        (Answer(500, {"error": {"details": "x", "message": 3}}), '{"error": {"details": "x", "message": 3}}'),
        (Answer(500, {"error": None}), '{"error": null}'),
        (Answer(599), "no reason given"),
        (Answer(307, headers={"Location": "/elsewhere"}), "Temporary Redirect"),
    ],
)
async def test_no_envelope_at_all(
    client: PlatformClient, server: Server, answer: Answer, message: str
) -> None:
    error = await fail(client, server, answer)
    assert error.message == message
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "answer", [Answer(429), Answer(500), Answer(502), Answer(503), Answer(504), Answer(drop=True)]
)
async def test_a_post_is_never_repeated(server: Server, answer: Answer) -> None:
    async with PlatformClient(server.url, KEY, limiter=RateLimiter(1000, 1000)) as client:
        await fail(client, server, answer)
        assert len(server.asked) == 1


async def test_a_broken_connection_may_have_been_executed(client: PlatformClient, server: Server) -> None:
    error = await fail(client, server, Answer(drop=True))
    assert isinstance(error, Unreachable)
    assert error.sent
    assert str(error) == f"{server.url} closed the connection before it answered"


async def test_a_broken_reused_connection_may_have_been_executed(
    client: PlatformClient, server: Server
) -> None:
    server.will(Answer(json=ROW))
    await client.get("dep_1")
    error = await fail(client, server, Answer(drop=True))
    assert isinstance(error, Unreachable)
    assert error.sent


async def test_a_missing_answer_may_have_been_executed(server: Server) -> None:
    async with PlatformClient(server.url, KEY, timeout=0.1) as client:
        error = await fail(client, server, Answer(hang=True))
    assert isinstance(error, Unreachable)
    assert error.sent
    assert str(error) == f"{server.url} did not answer in time"


async def test_nobody_listening_means_that_nothing_was_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with PlatformClient(url, KEY) as client:
            with pytest.raises(Unreachable) as caught:
                await client.create(BODY)
    assert not caught.value.sent
    assert str(caught.value).startswith(f"{url} cannot be reached: ")
    assert caught.value.status == 0


@pytest.mark.parametrize(
    "endpoint", ["http://no-such-host.invalid", "ftp://127.0.0.1", "http://[", "nonsense"]
)
async def test_an_address_that_leads_nowhere(endpoint: str) -> None:
    async with PlatformClient(endpoint, KEY) as client:
        with pytest.raises(Unreachable) as caught:
            await client.list_deployments()
    assert not caught.value.sent


# --- the key ---


async def test_the_key_is_nowhere(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen = []
    leaky = {"error": {"code": KEY, "message": f"bad key {KEY}", "details": [{"field": KEY}]}}
    async with PlatformClient(server.url, KEY, limiter=RateLimiter(1000, 1000), timeout=1) as client:
        seen += [repr(client), str(client), repr(vars(client))]
        for answer in (
            Answer(401, leaky),
            Answer(500, text=f"Authorization: Bearer {KEY}"),
            Answer(drop=True),
            Answer(text=KEY),
        ):
            server.will(answer)
            with pytest.raises(PlatformError) as caught:
                await client.get("dep_1")
            error = caught.value
            seen += [repr(error), str(error), repr(vars(error)), "".join(traceback.format_exception(error))]
    seen.append(caplog.text)
    assert {a.headers["Authorization"] for a in server.asked} == {f"Bearer {KEY}"}
    for text in seen:
        assert KEY not in text
        assert KEY[9:] not in text


@pytest.mark.parametrize("key", [None, "", "  ", "a b", "seq_test_\x00", "clé", "a\nb"])
async def test_a_key_that_cannot_be_one_is_not_sent(server: Server, key: str | None) -> None:
    async with PlatformClient(server.url, key) as client:
        with pytest.raises(PlatformError) as caught:
            await client.account()
    assert caught.value.status == 401
    assert server.asked == []
    if key and key.strip():
        assert key not in str(caught.value)


async def test_a_key_with_a_line_end_from_a_file_works(server: Server) -> None:
    server.will(Answer(json={"account_id": "acct_1"}))
    async with PlatformClient(server.url, KEY + "\n") as client:
        assert (await client.account()).account_id == "acct_1"
    assert server.asked[0].headers["Authorization"] == f"Bearer {KEY}"


# --- around the call ---


async def test_the_last_look_can_call_it_off(server: Server) -> None:
    limiter = RateLimiter(0.01, 1)

    async def stale() -> None:
        raise LookupError("it changed")

    async with PlatformClient(server.url, KEY, limiter=limiter) as client:
        with pytest.raises(LookupError):
            await client.stop("dep_1", before=stale)
        assert server.asked == []
        server.will(Answer(json=ROW))
        looked = asyncio.Event()

        async def fine() -> None:
            looked.set()

        await client.stop("dep_1", before=fine)  # the only token was given back
    assert looked.is_set()
    assert limiter.waiting() == dict.fromkeys(Lane, 0)


async def test_every_call_is_counted(server: Server) -> None:
    calls: list[tuple[str, int]] = []

    def count(operation: str, status: int) -> None:
        calls.append((operation, status))

    async with PlatformClient(server.url, KEY, limiter=RateLimiter(1000, 1000), on_call=count) as client:
        server.will(Answer(json=ROW), Answer(204), Answer(404), Answer(drop=True))
        await client.create(BODY)
        await client.delete("dep_1")
        for _ in range(2):
            with pytest.raises(PlatformError):
                await client.stop("dep_1")
    assert calls == [("create", 200), ("delete", 204), ("stop", 404), ("stop", 0)]


async def test_a_throttled_call_silences_the_whole_account(server: Server) -> None:
    limiter = RateLimiter(1000, 1000)
    async with PlatformClient(server.url, KEY, limiter=limiter) as client:
        server.will(Answer(429, {"error": "slow"}, headers={"Retry-After": "60"}))
        with pytest.raises(PlatformError):
            await client.get("dep_1")
        other = asyncio.ensure_future(client.stop("dep_1"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert limiter.waiting()[Lane.STOP] == 1
        other.cancel()
        with pytest.raises(asyncio.CancelledError):
            await other
    assert len(server.asked) == 1
