"""One running platform for all files; each test has an account of its own on it."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from sequence_paper.api import answers, api_keys, mesh, quote_answers, reading_answers, traces, venue_answers
from sequence_paper.api.tca import answers as tca_answers
from sequence_paper.store import Store
from sequence_paper.store.records import Mode
from support.paper import Paper
from support.processes import wait_until
from support.tiny_edge import TinyEdge

WASM = b"\0asm\x01\0\0\0"
_numbers = itertools.count(1)
MODES: tuple[Mode, ...] = ("sandbox", "live")


class Desk:
    """One account: `desk("GET", path)` gives (status, body, headers)."""

    def __init__(self, paper: Paper, store: Store, mode: str = "sandbox", qps: int = 1000) -> None:
        self.paper, self.store, self.mode = paper, store, mode
        self.account = store.accounts.ensure(f"desk{next(_numbers)}", tier="pro", rate_limit_qps=qps)
        self.key = store.accounts.mint_key(self.account.account_id, mode)

    def other_mode(self) -> str:
        return self.store.accounts.mint_key(
            self.account.account_id, "live" if self.mode == "sandbox" else "sandbox"
        )

    def __call__(self, method: str, path: str, body: Any = None, *, key: str | None = None, headers=None):
        return self.paper.request(method, f"/v1{path}", key or self.key, body, headers)

    def ok(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        got, answer, _ = self(method, path, body)
        assert got == status, answer
        model = documented(method, path)
        if model is not None:
            model.model_validate(answer)
        return answer

    def error(self, status: int, method: str, path: str, body: Any = None) -> dict[str, Any]:
        got, answer, headers = self(method, path, body)
        assert got == status, answer
        assert answers.ErrorAnswer.model_validate(answer).error.request_id == headers["x-request-id"]
        return answer

    def create(self, name: str = "mm", wasm: bytes = WASM, **more: Any) -> dict[str, Any]:
        return self.ok("POST", "/deployments", create_body(name, wasm, **more), 201)

    def get(self, row: dict[str, Any]) -> dict[str, Any]:
        return self.ok("GET", f"/deployments/{row['deployment_id']}")

    def clear(self) -> None:
        """Delete its deployments, without waiting for edges."""
        account, deployments = self.account.account_id, self.store.deployments
        for mode in MODES:
            for deployment_id in deployments.ids(account, mode):
                deployments.delete(account, mode, deployment_id, set())


_DOCUMENTED = {
    r"/edges": reading_answers.EdgesAnswer,
    r"/quotes": quote_answers.QuotesAnswer,
    r"/quotes/.+": quote_answers.QuoteAnswer,
    r"/quotes_batch": quote_answers.BatchAnswer,
    r"/symbols": quote_answers.SymbolsAnswer,
    r"/pairs/.+/venues": quote_answers.PairAnswer,
    r"/fees": quote_answers.FeesAnswer,
    r"/fair_price": quote_answers.FairPricesAnswer,
    r"/account": reading_answers.AccountAnswer,
    r"/venues": venue_answers.VenuesAnswer,
    r"/credentials": venue_answers.CredentialsAnswer,
    r"/credentials/.+": venue_answers.CredentialAnswer,
    r"/api_keys/.+": api_keys.MintedAnswer,
    r"/kill_switch(/clear)?": reading_answers.SwitchedAnswer,
    r"/risk_limits": venue_answers.RiskLimitsAnswer,
    r"/orders": reading_answers.OrdersAnswer,
    r"/orders/.+": reading_answers.OrderAnswer,
    r"/traces": traces.TracesAnswer,
    r"/fills": reading_answers.FillsAnswer,
    r"/positions(/unified)?": reading_answers.PositionsAnswer,
    r"/(analytics/)?tca": tca_answers.TcaAnswer,
    r"/analytics/tca/report": tca_answers.ReportAnswer,
    r"/analytics/tca/timeseries": tca_answers.TimelineAnswer,
    r"/analytics/tca/venues": tca_answers.VenuesAnswer,
    r"/analytics/tca/quality": tca_answers.QualityAnswer,
    r"/analytics/execution": tca_answers.ExecutionAnswer,
    r"/deployments/[^/]+(/start|/stop)?": answers.DeploymentAnswer,
    r"/deployments/[^/]+/logs": answers.LogsAnswer,
    r"/deployments/[^/]+/mesh": mesh.MeshAnswer,
}


def documented(method: str, path: str) -> type[BaseModel] | None:
    """The model that the API's own description gives for the answer: every `ok` answer of a test is held against it."""
    path = path.partition("?")[0]
    if path == "/api_keys":
        return api_keys.KeysAnswer if method == "GET" else api_keys.MintedAnswer
    if (method, path) == ("GET", "/kill_switch"):
        return reading_answers.KillSwitchAnswer
    if path == "/deployments":
        return answers.DeploymentsAnswer if method == "GET" else answers.DeploymentAnswer
    return next((model for pattern, model in _DOCUMENTED.items() if re.fullmatch(pattern, path)), None)


def create_body(name: str = "mm", wasm: bytes = WASM, **more: Any) -> dict[str, Any]:
    instance = {"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}
    body = {"name": name, "wasm_base64": base64.b64encode(wasm).decode(), "instances": [instance]}
    return {**body, **more}


def nats_url(paper: Paper) -> str:
    return paper.api.command[paper.api.command.index("--nats") + 1]


@pytest.fixture(scope="package")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    paper = Paper(tmp_path_factory.mktemp("platform"), venues={})
    try:
        yield paper.start()
    finally:
        paper.stop()


@pytest.fixture(scope="package")
def store(paper: Paper) -> Iterator[Store]:
    store = Store(paper.db)
    yield store
    store.close()


@pytest.fixture(scope="package")
def edges(paper: Paper) -> Iterator[dict[str, TinyEdge]]:
    """Kraken trades two symbols, coinbase one."""
    url = nats_url(paper)
    traded = {"kraken": ["BTC-USD", "ETH-USD"], "coinbase": ["BTC-USD"]}
    edges = {venue: TinyEdge(paper.db, url, venue, symbols).start() for venue, symbols in traded.items()}
    yield edges
    for edge in edges.values():
        edge.stop()


@pytest.fixture
def new_desk(paper: Paper, store: Store, edges: dict[str, TinyEdge]) -> Iterator[Callable[..., Desk]]:
    """Makes accounts, whose deployments go with the test: the edges would tell of them all."""
    desks: list[Desk] = []

    def make(**more: Any) -> Desk:
        desks.append(Desk(paper, store, **more))
        return desks[-1]

    yield make
    for desk in desks:
        desk.clear()


@pytest.fixture
def desk(new_desk: Callable[..., Desk]) -> Desk:
    return new_desk()


@pytest.fixture
def own_edge(paper: Paper) -> Iterator[TinyEdge]:
    """An edge for venue okx that the test may stop and start; alive at first."""
    edge = TinyEdge(paper.db, nats_url(paper), "okx", ["OKX-USD"]).start()
    yield edge
    edge.stop()


def eventually(desk: Desk, row: dict[str, Any], what: Callable[[dict[str, Any]], bool], why: str) -> Any:
    """The deployment's row as soon as `what` holds of it."""

    def look() -> Any:
        found = desk.get(row)
        return found if what(found) else None

    return wait_until(look, why)
