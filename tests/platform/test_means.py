"""Venues, limits and capital of an account, in every shape they may come in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequence_operator.platform import Capital, PlatformClient, PlatformError, RateLimiter
from sequence_operator.platform.means import account_limits, capital, connected_venues
from support.wire import Answer, Server

KEY = "seq_test_" + "0123456789abcdef" * 4
ABSENT = Answer(501, {"error": {"code": "NOT_IMPLEMENTED", "message": "not here"}})


@pytest.mark.parametrize(
    ("body", "venues"),
    [
        ({"credentials": [{"venue": "kraken", "status": "connected"}]}, {"kraken"}),
        ({"credentials": [{"venue": "Kraken"}, {"venue": "okx", "status": "expired"}]}, {"kraken"}),
        ({"credentials": [{"venue": "okx", "connected": False}]}, set()),
        ({"venues": ["kraken", "okx"]}, {"kraken", "okx"}),
        (["kraken"], {"kraken"}),
        ([], set()),
        ({"credentials": [{"name": "kraken"}]}, None),
        ({"credentials": {"kraken": {}}}, None),
        ({}, None),
        (None, None),
    ],
)
def test_connected_venues(body: Any, venues: set[str] | None) -> None:
    assert connected_venues(body) == venues


@pytest.mark.parametrize(
    ("body", "limits"),
    [
        ({"limits": {"max_open_orders": 32, "max_order_rate": None}}, {"max_open_orders": 32}),
        ({"risk_limits": {"max_order_rate": 5.0}}, {"max_order_rate": 5}),
        ({"max_position_1e8": 7, "updated_at": "x"}, {"max_position_1e8": 7}),
        ({"limits": {"max_position_1e8": 0}}, {}),
        ({"limits": {}}, {}),
        ({"limits": {"max_position_1e8": "7"}}, None),
        ({"limits": {"max_position_1e8": True}}, None),
        ({"limits": []}, None),
        ([], None),
    ],
)
def test_account_limits(body: Any, limits: dict[str, int] | None) -> None:
    assert account_limits(body) == limits


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"capital": {"available_usd_1e9": 5, "nav_usd_1e9": 9}}, Capital(5, 9)),
        ({"capital": {"available_usd_1e9": None, "nav_usd_1e9": 9}}, Capital(None, 9)),
        ({"capital": {"available_usd_1e9": "5"}}, None),
        ({"capital": {"nav_usd_1e9": 9}}, None),
        ({"totals": {"cash_usd_1e9": 5}}, None),
        ({"account_id": "a"}, None),
        ([], None),
    ],
)
def test_capital(body: Any, found: Capital | None) -> None:
    assert capital(body) == found


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["credentials", "venue", "limits", "capital", "totals", "max_x", "available_usd_1e9"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(junk)
def test_junk_is_untold_never_a_crash(body: Any) -> None:
    venues, limits, found = connected_venues(body), account_limits(body), capital(body)
    assert venues is None or all(isinstance(v, str) and v for v in venues)
    assert limits is None or all(type(v) is int and v > 0 for v in limits.values())
    assert found is None or found.available_usd_1e9 is None or type(found.available_usd_1e9) is int


@pytest.fixture
async def client(server: Server) -> AsyncIterator[PlatformClient]:
    async with PlatformClient(server.url, KEY, limiter=RateLimiter(1000, 1000), timeout=5) as found:
        yield found


async def test_on_the_wire(client: PlatformClient, server: Server) -> None:
    server.will(
        Answer(json={"credentials": [{"venue": "kraken"}]}),
        Answer(json={"limits": {"max_order_rate": 3}}),
        Answer(json={"account_id": "a", "capital": {"available_usd_1e9": 4, "nav_usd_1e9": 6}}),
    )
    assert await client.connected_venues() == {"kraken"}
    assert await client.risk_limits() == {"max_order_rate": 3}
    assert await client.capital() == Capital(4, 6)
    asked = [(a.method, a.path) for a in server.asked]
    paths = ["/v1/credentials", "/v1/risk_limits", "/v1/account"]
    assert asked == [("GET", path) for path in paths]


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_platform_without_these_calls_did_not_say(
    client: PlatformClient, server: Server, status: int
) -> None:
    server.will(*(Answer(status, ABSENT.json) for _ in range(3)))
    assert await client.connected_venues() is None
    assert await client.risk_limits() is None
    assert await client.capital() is None


async def test_what_is_no_json_is_untold_and_a_refused_key_is_an_error(
    client: PlatformClient, server: Server
) -> None:
    server.will(Answer(text="<html>"), Answer(401, {"error": "no"}))
    assert await client.risk_limits() is None
    with pytest.raises(PlatformError) as caught:
        await client.connected_venues()
    assert caught.value.status == 401
