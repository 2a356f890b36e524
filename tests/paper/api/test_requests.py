"""What holds for every request: keys, limits, envelopes, ids, the behaviours of clients, the call log."""

from __future__ import annotations

import http.client
import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from sequence_paper.api.limits import Limiter


def raw(paper, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", paper.port, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None, dict(answer.getheaders())
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/v1/health", "/v1/health/live", "/docs", "/openapi.json"])
def test_some_paths_need_no_key(paper, path):
    connection = http.client.HTTPConnection("127.0.0.1", paper.port, timeout=10)
    connection.request("GET", path)
    assert connection.getresponse().status == 200


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic abc",
        "Bearer seq_test_" + "0" * 64,
        "Bearer sk_live_1",
        "Bearer \xe9",
    ],
)
@pytest.mark.parametrize("path", ["/v1/deployments", "/v1/account", "/v1/nothing"])
def test_without_a_known_key_nothing_is_told(paper, authorization, path):
    headers = {} if authorization is None else {"Authorization": authorization}
    status, body, answered = raw(paper, "GET", path, headers=headers)
    assert (status, body["error"]["code"]) == (401, "UNAUTHORIZED")
    assert answered["www-authenticate"] == "Bearer"


def test_a_request_id_is_echoed_or_made(desk):
    _, _, headers = desk("GET", "/account", headers={"X-Request-Id": "mine-1"})
    assert headers["x-request-id"] == "mine-1"
    status, body, headers = desk("GET", "/deployments/dep_none", headers={"X-Request-Id": "mine-2"})
    assert (status, body["error"]["request_id"], headers["x-request-id"]) == (404, "mine-2", "mine-2")
    _, _, headers = desk("GET", "/account", headers={"X-Request-Id": "x" * 129})
    assert uuid.UUID(headers["x-request-id"]).version == 4


def test_the_account_is_told_and_so_is_its_budget(desk):
    account = desk.ok("GET", "/account")
    assert account["account_id"] == desk.account.account_id
    assert (account["mode"], account["tier"], account["rate_limit_qps"]) == ("sandbox", "pro", 1000)
    _, _, headers = desk("GET", "/account")
    assert headers["x-ratelimit-limit"] == "2000"
    assert 0 < int(headers["x-ratelimit-remaining"]) < 2000


def test_all_keys_of_an_account_share_one_bucket(new_desk):
    desk = new_desk(qps=1)
    live = desk.other_mode()
    assert desk("GET", "/account")[0] == 200
    assert desk("GET", "/account", key=live)[0] == 200
    status, body, headers = desk("GET", "/account")
    assert (status, body["error"]["code"]) == (429, "RATE_LIMITED")
    assert (headers["retry-after"], headers["x-ratelimit-remaining"]) == ("1", "0")
    assert new_desk(qps=1)("GET", "/account")[0] == 200


def test_a_bucket_holds_twice_its_rate_and_refills_at_it():
    now = [0.0]
    limiter = Limiter(clock=lambda: now[0])
    grants = [limiter.take("a", 5) for _ in range(11)]
    assert [g.allowed for g in grants] == [True] * 10 + [False]
    assert grants[0].remaining == 9
    assert grants[-1].headers()["Retry-After"] == "1"
    now[0] += 0.2
    assert limiter.take("a", 5).allowed
    assert not limiter.take("a", 5).allowed
    now[0] += 3600
    assert limiter.take("a", 5).remaining == 9
    assert limiter.take("b", 5).remaining == 9


class TestClientBehaviours:
    def test_an_empty_body_with_a_json_content_type(self, desk):
        row = desk.create()
        path = f"/deployments/{row['deployment_id']}"
        for verb, status in (("start", "running"), ("stop", "stopped")):
            got, body, _ = desk("POST", f"{path}/{verb}", None)
            assert (got, body["status"]) == (200, status)

    def test_no_content_type_at_all(self, desk, paper):
        row = desk.create()
        path = f"/v1/deployments/{row['deployment_id']}/start"
        assert raw(paper, "POST", path, headers={"Authorization": f"Bearer {desk.key}"})[0] == 200

    def test_percent_encoded_segments_are_decoded(self, desk):
        row = desk.create()
        encoded = "".join(f"%{ord(c):02X}" for c in row["deployment_id"])
        assert desk.ok("GET", f"/deployments/{encoded}")["deployment_id"] == row["deployment_id"]
        missing = desk.error(404, "GET", "/orders/graph%3Ag%3Amain-1%3A7")
        assert "graph:g:main-1:7" in missing["error"]["message"]
        assert "no edge trades XRP/USD" in desk.error(404, "GET", "/quotes/XRP%2FUSD")["error"]["message"]

    def test_a_body_that_is_not_json(self, desk, paper):
        headers = {"Authorization": f"Bearer {desk.key}", "Content-Type": "application/json"}
        status, body, _ = raw(paper, "POST", "/v1/deployments", b"{not json", headers)
        assert (status, body["error"]["code"]) == (400, "BAD_REQUEST")
        status, body, _ = raw(paper, "POST", "/v1/deployments", b'["a"]', headers)
        assert (status, body["error"]["code"]) == (422, "VALIDATION_ERROR")
        status, body, _ = raw(paper, "POST", "/v1/deployments", b"", headers)
        assert (status, body["error"]["code"]) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("POST", "/kill_switch/clear", 403, "admin key"),
        ("PUT", "/orders", 501, "under /v1/orders"),
        ("POST", "/venue_cancel_all/nowhere", 404, "no edge trades at nowhere"),
        ("POST", "/execution_graphs/g/resume", 404, "no execution graph g"),
        ("DELETE", "/execution_graphs/graph", 404, "no execution graph graph"),
        ("PUT", "/execution_graphs/g/nodes/n", 501, "PATCH nodes"),
        ("PATCH", "/credentials/kraken", 501, "POST and DELETE"),
        ("POST", "/wallets/withdraw", 501, "need no wallets"),
        ("PUT", "/quotes", 501, "GET /v1/quotes"),
        ("GET", "/markets", 501, "no prediction markets"),
        ("GET", "/positions/perp", 501, "/v1/positions/unified"),
        ("GET", "/stream", 426, "is a WebSocket"),
        ("GET", "/risk/stream", 501, "/v1/stream"),
        ("GET", "/tca/stream", 501, "/v1/stream"),
        ("GET", "/algos", 501, "/v1/deployments"),
        ("GET", "/nothing", 404, "no GET /v1/nothing"),
        ("GET", "/", 404, "/docs"),
        ("PUT", "/deployments", 404, "no PUT /v1/deployments"),
        ("GET", "/deployments/dep_1/nothing", 404, "dep_1/nothing"),
    ],
)
def test_what_is_not_there_says_why(desk, method, path, status, says):
    body = desk.error(status, method, path)
    assert says in body["error"]["message"]


def test_the_api_describes_itself(paper):
    status, described, _ = raw(paper, "GET", "/openapi.json")
    paths = described["paths"]
    assert status == 200
    assert set(paths["/v1/deployments"]) == {"get", "post"}
    assert set(paths["/v1/deployments/{deployment_id}"]) == {"get", "patch", "delete"}
    for name in ("start", "stop", "logs", "mesh", "metrics"):
        assert f"/v1/deployments/{{deployment_id}}/{name}" in paths
    assert "CreateBody" in described["components"]["schemas"]
    assert "HTTPBearer" in described["components"]["securitySchemes"]
    assert "/v1/{path}" not in paths


def test_every_call_is_in_the_call_log_once(desk, paper):
    row = desk.create()
    desk("GET", "/deployments", headers={"If-None-Match": "W/x"})
    desk("DELETE", f"/deployments/{row['deployment_id']}")
    desk("GET", "/nothing")
    mine = [c for c in paper.calls() if c["account_id"] == desk.account.account_id]
    assert [(c["method"], c["path"], c["status"], c["mode"]) for c in mine] == [
        ("POST", "/v1/deployments", 201, "sandbox"),
        ("GET", "/v1/deployments", 200, "sandbox"),
        ("DELETE", f"/v1/deployments/{row['deployment_id']}", 204, "sandbox"),
        ("GET", "/v1/nothing", 404, "sandbox"),
    ]
    assert all(c["ms"] > 0 and c["ts_ns"] > 10**18 for c in mine)
    assert desk.key not in paper.call_log.read_text()
    assert desk.key not in paper.api.output()


def test_one_of_many_creates_of_a_name_at_once_wins(desk):
    instance = {"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}
    body = {"name": "race", "wasm_base64": "AGFzbQEAAAA=", "instances": [instance]}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: desk("POST", "/deployments", body), range(8)))
    assert sorted(status for status, _, _ in answers) == [201] + [409] * 7
    assert len({answer["deployment_id"] for _, answer, _ in answers}) == 1
    assert desk.ok("GET", "/deployments")["total"] == 1
