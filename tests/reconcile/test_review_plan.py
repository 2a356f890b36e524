"""A plan for several deployments, from one commit to another, as a reviewer sees it."""

from __future__ import annotations

from typing import Any

import pytest

from reconcile.sim import SHA_A, SHA_B, START, Cluster, spec_of, with_wasm
from reconcile.test_building import source
from sequence_operator.reconcile.actions import Plan, Refuse
from sequence_operator.reconcile.assumed import assumed_record, assumed_row, plan_between
from sequence_operator.reconcile.case import Case
from sequence_operator.reconcile.compare import differences
from sequence_operator.reconcile.model import AccountView, Desired, Observed, Policy
from sequence_operator.reconcile.preflight import Check, Result
from sequence_operator.reconcile.review_plan import Item, ReviewPlan
from sequence_operator.reconcile.review_render import as_json, as_markdown, as_text
from sequence_operator.reconcile.sight import Sight
from sequence_operator.spec.resources import AlgoDeployment, SourceProblem

TWO = [
    {"label": "maker", "venue": "kraken", "symbols": ["BTC-USD"], "risk": {"maxOrderRate": 5}},
    {"label": "hedger", "venue": "coinbase", "symbols": ["BTC-USD"], "params": [{"name": "size", "int": 1}]},
]
LOOSER = {"maxPosition1e8": 500, "maxOrderRate": 20}
TIGHTER = {"maxPosition1e8": 100, "maxOrderRate": 20}


def algo(**changes: Any) -> AlgoDeployment:
    return Cluster(spec=spec_of(**changes)).resource()


def between(base: AlgoDeployment | None, head: AlgoDeployment | None, **wasm: str) -> Plan:
    return plan_between(base, head, mode="sandbox", now=START, **wasm)


@pytest.mark.parametrize(
    "spec",
    [
        spec_of(),
        spec_of(
            state="Running",
            instances=TWO,
            mesh={"routes": [{"from": "maker", "to": "hedger"}]},
            onStop="Cancel",
        ),
        spec_of(risk=None, params=None, origin=None),
    ],
)
def test_a_platform_that_is_as_a_spec_says_differs_in_nothing(spec: dict[str, Any]) -> None:
    resource = Cluster(spec=spec).resource()
    row = assumed_row(resource.spec, "uid-1")
    observed = Observed(Sight(START, row=row), AccountView("sandbox"))
    case = Case(Desired.of(resource), observed, assumed_record(resource.spec), Policy(), START)
    assert differences(case, row) == ()
    assert not case.edited
    plan = between(resource, resource)
    assert (plan.changes, plan.drift) == ((), ())


@pytest.mark.parametrize(
    ("base", "head", "verbs", "direction"),
    [
        (None, algo(), ["Register"], "neutral"),
        (None, algo(state="Running"), ["Register", "Start"], "loosens"),
        (algo(), None, ["Unregister"], "tightens"),
        (algo(deletionPolicy="Orphan"), None, ["Orphan"], "neutral"),
        (algo(), algo(risk=LOOSER), ["Update"], "loosens"),
        (algo(), algo(risk=TIGHTER), ["Update"], "tightens"),
        (algo(), algo(params=[{"name": "size", "slot": 0, "int": 9}]), ["Update"], "neutral"),
        (algo(state="Running"), algo(state="Stopped"), ["Stop"], "tightens"),
        (algo(), algo(state="Running"), ["Start"], "loosens"),
        (algo(state="Running"), algo(state="Running", instances=TWO), ["Replace", "Start"], "loosens"),
        (
            algo(state="Running", instances=TWO),
            algo(state="Running", instances=TWO[:1]),
            ["Replace", "Start"],
            "tightens",
        ),
        (
            algo(state="Running"),
            algo(state="Running", artifact=with_wasm(SHA_B)),
            ["Replace", "Start"],
            "neutral",
        ),
        (algo(), algo(description="another"), [], "neutral"),
        (algo(), algo(origin={"commit": "2" * 40}), ["Update"], "neutral"),
    ],
)
def test_from_one_commit_to_another(
    base: AlgoDeployment | None, head: AlgoDeployment | None, verbs: list[str], direction: str
) -> None:
    plan = between(base, head)
    assert [c.verb for c in plan.changes] == verbs
    assert plan.direction == direction
    assert plan.drift == ()
    assert plan.refusal is None


def test_something_new_shows_what_it_will_be_held_to() -> None:
    (register,) = between(None, algo(instances=TWO)).changes
    assert [(d.field, d.observed, d.desired) for d in register.fields] == [
        ("risk.maxOrderRate", "none", "20"),
        ("risk.maxPosition1e8", "none", "200"),
        ("instances[maker].risk.maxOrderRate", "none", "5"),
    ]


def test_sources_stand_for_the_wasm_that_nobody_built() -> None:
    base, head = algo(artifact=source("1" * 40)), algo(artifact=source("2" * 40))
    assert [c.verb for c in between(base, head, base_wasm=SHA_A, head_wasm=SHA_B).changes] == ["Replace"]
    assert between(base, head, base_wasm=SHA_A, head_wasm=SHA_A).changes == ()


def test_a_plan_of_nothing_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="in one of them"):
        between(None, None)


def item(name: str, base: AlgoDeployment | None, head: AlgoDeployment | None, **more: Any) -> Item:
    what = "create" if base is None else "remove" if head is None else "change"
    given = {"what": what, "plan": between(base, head), "plan_hash": (name * 12)[:12]} | more
    return Item(
        name=f"{name}.sandbox",
        deployment=name,
        account="sandbox",
        path=f"algos/{name}/Sequence.toml",
        **given,
    )


def review(**more: Any) -> ReviewPlan:
    items = (
        item(
            "d",
            algo(state="Running"),
            algo(state="Running", risk={"maxPosition1e8": 550000000, "maxOrderRate": 20}),
            running=True,
        ),
        item("c", algo(state="Running"), algo(state="Running", risk=TIGHTER)),
        item("b", algo(), algo(params=[{"name": "size", "slot": 0, "int": 9}])),
        item("a", algo(), None),
        item("e", algo(), algo(), what="none", plan_hash=""),
    )
    return ReviewPlan("desk: main 1111111 → 2222222", **({"items": items} | more))


def test_groups_and_the_joint_hash() -> None:
    found = review()
    assert [[i.deployment for i in found.of(g)] for g in ("risk-increasing", "neutral", "risk-reducing")] == [
        ["d"],
        ["b"],
        ["a", "c"],
    ]
    assert found.exit_code == 1
    assert len(found.hash) == 12
    assert found.hash == review(items=tuple(reversed(review().items))).hash
    assert ReviewPlan("x", (item("e", algo(), algo(), what="none", plan_hash=""),)).exit_code == 0
    assert ReviewPlan("x").hash == ""


@pytest.mark.parametrize(
    "more",
    [
        {"problems": (SourceProblem(path="x/Sequence.toml", line=7, column=1, message="no"),)},
        {"checks": (Check("venues", Result.FAILED, "okx is not connected"),)},
        {"items": (item("d", algo(), algo(risk=LOOSER), plan=Plan((Refuse("NameConflict", "taken"),))),)},
    ],
)
def test_what_would_not_be_carried_out_is_an_error(more: dict[str, Any]) -> None:
    assert review(**more).exit_code == 2


FULL: dict[str, Any] = {
    "problems": (
        SourceProblem(path="algos/bad/Sequence.toml", line=7, column=1, message="unknown | key `x`"),
    ),
    "checks": (
        Check("venues", Result.PASSED, "connected: kraken"),
        Check("capital", Result.FAILED, "0.00 USD available", "fund the account"),
        Check("limits", Result.NOT_CHECKABLE, "the platform does not say"),
    ),
    "held": "4 of 10 running algos would change; kubectl annotate algosrc desk sequencemkts.com/approve-commit=2222222",
    "notes": ("offline: what runs is assumed to be what 1111111 says",),
}


def test_markdown_says_first_what_a_reviewer_decides_on() -> None:
    found = review(**FULL)
    text = as_markdown(found)
    lines = text.splitlines()
    assert lines[0] == "### desk: main 1111111 → 2222222"
    assert lines[2].startswith(
        "**4 of 5 algos change: 1 risk-increasing, 1 neutral, 2 risk-reducing; 1 problem; 1 failed check**"
    )
    assert f"plan hash `{found.hash}`" in lines[2]
    order = [
        text.index(part)
        for part in (
            "The brake holds this",
            "algos/bad/Sequence.toml:7:1",
            "Risk-increasing (1)",
            "Neutral (1)",
            "Risk-reducing (2)",
            "Preflight: 1 of 3 failed",
            "<details>",
        )
    ]
    assert order == sorted(order)
    assert "`risk.maxPosition1e8` `200` (0.000002) → `550000000` (5.5) 🔺" in text
    assert "| **d.sandbox** (running)<br>`algos/d/Sequence.toml` | Update |" in text
    assert "unknown \\| key 'x'" in text
    assert "— `fund the account`" in text
    assert text.count("<details>") == text.count("</details>") == 4
    assert "hash <code>dddddddddddd</code>" in text
    assert "| **a.sandbox**<br>`algos/a/Sequence.toml` | Unregister | stop and unregister my-mm |" in text


def test_what_a_file_says_cannot_break_out_of_the_comment() -> None:
    evil = "x | <img src=q> @everyone [link](http://e) `\n# head"
    problem = SourceProblem(path="a.toml", message=evil)
    text = as_markdown(ReviewPlan(evil, problems=(problem,), notes=(evil,), held=evil))
    for breaks in ("<img", "@everyone", "\n# head", " [link]"):
        assert breaks not in text, breaks
    assert "| `a.toml` | x \\| &lt;img" in text
    coded = as_markdown(ReviewPlan("x", problems=(SourceProblem(path=evil, message="no"),)))
    assert "| `x \\| <img src=q> @everyone [link](http://e) ' # head` | no |" in coded


def test_text_and_json_tell_the_same() -> None:
    found = review(**FULL)
    text = as_text(found)
    assert "4 of 5 algos change" in text
    assert "  algos/bad/Sequence.toml:7:1: unknown | key `x`" in text
    assert "  ✗ capital: 0.00 USD available  → fund the account" in text
    assert text.endswith(f"plan hash: {found.hash}\n")
    body = as_json(found)
    assert (body["schema"], body["exitCode"], body["hash"], body["unchanged"]) == (
        "plan/v2",
        2,
        found.hash,
        1,
    )
    assert [(i["deployment"], i["group"], i["what"]) for i in body["items"]] == [
        ("a", "risk-reducing", "remove"),
        ("b", "neutral", "change"),
        ("c", "risk-reducing", "change"),
        ("d", "risk-increasing", "change"),
    ]
    assert body["items"][3]["changes"][0]["verb"] == "Update"
    assert body["problems"][0]["line"] == 7
    assert body["checks"][1]["result"] == "Failed"


def test_nothing_to_do_is_short() -> None:
    found = ReviewPlan("desk", (item("e", algo(), algo(), what="none", plan_hash=""),))
    assert as_markdown(found) == "### desk\n\n**nothing changes**\n"
    assert as_text(found) == "desk\nnothing changes\n"
