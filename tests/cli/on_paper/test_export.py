"""`sequence export`: what it writes reads back to what is registered, for every registration there can be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequence_operator.cli.export_file import NotExportableError, export
from sequence_operator.platform.parse import parse_row
from sequence_operator.spec.deployment import Risk
from sequence_operator.spec.names import PARAM_PATTERN
from sequence_operator.spec.render import algo_deployment, stored
from sequence_operator.spec.resources import AlgoDeploymentSpec
from sequence_operator.spec.sequence_toml import SequenceFile, load, parse
from sequence_operator.spec.wire import WireDeployment, create_body, desired_wire
from support.algos import build_algos
from support.objects import SHA
from support.paper import Paper

from ..conftest import Cli

ENDPOINT = "http://127.0.0.1:50052"
LABELS = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,31}\Z")
LIMITS = {
    "max_order_rate": st.integers(1, 2**32 - 1),
    "max_open_orders": st.integers(1, 32),
    **{name: st.integers(1, 2**63 - 1) for name in ("max_position_1e8", "max_daily_loss_1e9")},
    **{name: st.integers(1, 2**63 - 1) for name in ("max_order_notional_1e9", "max_price_deviation_bps")},
}
assert set(LIMITS) == set(Risk.model_fields)
VALUES = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
    "bps": st.integers(-(2**31), 2**31 - 1),
}


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """The spec of an AlgoDeployment that a file can say: every parameter in the slot of its place."""
    risk = draw(st.fixed_dictionaries({}, optional=LIMITS))
    names = st.from_regex(rf"\A{PARAM_PATTERN[1:-1]}\Z").filter(lambda name: len(name) < 64)
    kinds = draw(st.dictionaries(names, st.sampled_from(sorted(VALUES)), max_size=6))
    params = [
        {"name": name, "slot": slot, kind: draw(VALUES[kind])}
        for slot, (name, kind) in enumerate(kinds.items())
    ]
    labels = draw(st.lists(LABELS, min_size=1, max_size=4, unique=True))
    instances = []
    for label in labels:
        own = (
            {k: draw(st.integers(1, risk[k])) for k in draw(st.sets(st.sampled_from(sorted(risk))))}
            if risk
            else {}
        )
        overridden = draw(st.sets(st.sampled_from(sorted(kinds)))) if kinds else set()
        symbols = draw(
            st.lists(st.sampled_from(["BTC-USD", "ETH-USD", "a.b:c", "X_1"]), min_size=1, unique=True)
        )
        instances.append(
            {
                "label": label,
                "venue": draw(st.sampled_from(["nowhere", "x_1"])),
                "symbols": symbols,
                "instrumentType": draw(st.sampled_from(["spot", "perp"])),
                "risk": _camel(own) if own else None,
                "params": [{"name": n, kinds[n]: draw(VALUES[kinds[n]])} for n in sorted(overridden)],
            }
        )
    pairs = [(a, b) for a in labels for b in labels if a != b]
    routes = draw(st.none() | st.lists(st.sampled_from(pairs), unique=True)) if pairs else None
    return {
        "deployment": draw(st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,62}\Z")),
        "accountRef": {"name": "sandbox"},
        "artifact": {"configMapRef": {"name": f"wasm-{SHA}", "key": "algo.wasm"}, "sha256": SHA},
        "instances": [{k: v for k, v in i.items() if v is not None} for i in instances],
        "params": params,
        **({"risk": _camel(risk)} if risk else {}),
        **({"mesh": {"routes": [{"from": a, "to": b} for a, b in routes]}} if routes is not None else {}),
        "onStop": draw(st.sampled_from(["Keep", "Cancel"])),
    }


def _camel(limits: dict[str, int]) -> dict[str, int]:
    return Risk(**limits).model_dump(by_alias=True, exclude_none=True)


def wire(file: SequenceFile) -> WireDeployment:
    made = algo_deployment(
        file,
        namespace="n",
        account="sandbox",
        mode="sandbox",
        artifact=stored(SHA),
        origin=None,
        with_state=False,
    )
    return desired_wire(AlgoDeploymentSpec.model_validate(made["spec"]))


def registered(spec: AlgoDeploymentSpec) -> dict[str, Any]:
    """The platform's row of it, as JSON came over the wire."""
    row = {**desired_wire(spec).as_json(), "deployment_id": "dep_1", "wasm_sha256": SHA, "status": "running"}
    return json.loads(json.dumps(row))


@settings(max_examples=50)
@given(specs())
def test_what_is_exported_reads_back_to_the_same_wire_form(drawn: dict[str, Any]) -> None:
    spec = AlgoDeploymentSpec.model_validate(drawn)
    made = export(parse_row(registered(spec)), ENDPOINT)
    file = parse(made.text)
    assert wire(file) == desired_wire(spec)
    assert made.notes == []


def row(**changes: Any) -> Any:
    told = {
        "deployment_id": "dep_1",
        "name": "my-mm",
        "status": "stopped",
        "risk": {},
        "params": [],
        "mesh": None,
        "on_stop": "keep",
        "instances": [{"label": "main", "venue": "kraken", "symbols": ["BTC-USD"], "risk": {}, "params": []}],
    }
    return parse_row({key: value for key, value in (told | changes).items() if value is not ...})


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"risk": ...}, "does not tell its risk limits"),
        (
            {"risk": {"max_order_rate": 3, "reduce_only": True}},
            "risk.reduce_only = 1 on the platform has no key",
        ),
        ({"params": ...}, "does not tell its parameters"),
        ({"params": [{"name": "a", "slot": 3, "type": "int", "value": 1}]}, "are in slots 3 on the platform"),
        ({"on_stop": ...}, "what a stop does with resting orders"),
        (
            {"instances": ..., "symbols": ["BTC-USD"], "edges": [{"edge_id": "venue-edge-kraken"}]},
            "one for each edge",
        ),
        (
            {"instances": [{"label": "m", "venue": "kraken", "symbols": ["X"]}]},
            "instances.m.risk and instances.m.params",
        ),
    ],
)
def test_what_the_platform_does_not_tell_is_a_comment_in_a_file_that_reads(
    changes: dict[str, Any], note: str
) -> None:
    made = export(row(**changes), ENDPOINT)
    assert parse(made.text).deployment.name == "my-mm"
    (said,) = made.notes
    assert note in said
    assert f"# {said}\n" in made.text


def test_an_edge_alone_still_tells_the_venue() -> None:
    seen = row(instances=[{"label": "m", "edge_id": "venue-edge-binance_us-perp", "symbols": ["X"]}])
    (instance,) = parse(export(seen, ENDPOINT).text).instances
    assert (instance.venue, instance.instrument_type) == ("binance_us", "perp")


def test_too_little_is_no_file() -> None:
    with pytest.raises(NotExportableError, match="neither its instances nor the edges"):
        export(row(instances=...), ENDPOINT)


EXAMPLE = Path(__file__).parents[3] / "examples" / "xvenue" / "Sequence.toml"


def test_what_is_registered_on_paper_comes_out_as_it_went_in(
    cli: Cli, desk: dict[str, str], paper: Paper, keys: dict[str, str], tmp_path: Path
) -> None:
    wanted = wire(load(EXAMPLE))
    body = create_body(wanted, build_algos()["pair"], {})
    answered, told, _ = paper.request("POST", "/v1/deployments", keys["sandbox"], body)
    assert answered == 201, told
    out = tmp_path / "exported.toml"
    done = cli("--sandbox", "export", wanted.name, "--out", str(out))
    assert (done.code, done.out) == (0, f"{out}\n"), done.err
    assert wire(load(out)) == wanted
    again = cli("--sandbox", "export", wanted.name, "--out", str(out))
    assert again.code == 6
    assert "exists already" in again.err
    shown = json.loads(cli("--sandbox", "export", wanted.name, "-o", "json").out)
    assert (shown["toml"], shown["deployment_id"]) == (out.read_text(), told["deployment_id"])
    assert cli("--sandbox", "export", "nobody").code == 5
