"""`plan` and `next_status` never raise, whatever the platform returned and whatever the record says."""

from __future__ import annotations

import json
import string
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconcile.sim import POLICY, SHA_A, SHA_B, START, Cluster, spec_of
from reconcile.test_building import source
from reconcile.test_golden import matching_row
from sequence_operator.platform.parse import parse_row
from sequence_operator.reconcile.actions import Done, Outcome
from sequence_operator.reconcile.builds import BuildState, BuildView
from sequence_operator.reconcile.conditions import next_status
from sequence_operator.reconcile.events import events
from sequence_operator.reconcile.model import (
    AccountState,
    AccountView,
    ArtifactState,
    ArtifactView,
    Claim,
    Desired,
    Failure,
    FailureKind,
    Observed,
)
from sequence_operator.reconcile.plan import plan
from sequence_operator.reconcile.preflight import Check, Result
from sequence_operator.reconcile.render import as_json, as_markdown, as_text
from sequence_operator.reconcile.requeue import requeue
from sequence_operator.reconcile.sight import Sight, Source
from sequence_operator.spec.names import ADOPT_FROM, FINALIZER, OVERRIDE, ROLLBACK, STATE_AT, TREE
from sequence_operator.spec.resources import AlgoDeploymentStatus, to_cr

words = st.sampled_from(
    ["running", "stopped", "accepted", "pending", "paused", "rejected", "", "?", "maker", "kraken"]
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    words,
    st.text(alphabet=string.printable, max_size=5),
)
junk = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
FIELDS = sorted(matching_row(spec_of(), {}))
instances = st.lists(
    st.fixed_dictionaries(
        {"label": words}, optional={"status": words, "warm": junk, "error": junk, "risk": junk}
    ),
    max_size=3,
)
rows = st.builds(
    lambda changes, gone, inner: {
        k: v
        for k, v in (
            matching_row(spec_of(), {})
            | changes
            | ({} if inner is None else {"instances": inner})
            | {"deployment_id": "d"}
        ).items()
        if k not in gone or k == "deployment_id"
    },
    st.dictionaries(st.sampled_from(FIELDS), junk, max_size=5),
    st.sets(st.sampled_from(FIELDS), max_size=10),
    st.none() | instances,
)
moments = st.integers(-700, 700).map(lambda s: (START + timedelta(seconds=s)).isoformat())
shas = st.sampled_from(["", SHA_A, SHA_B])
records = st.fixed_dictionaries(
    {},
    optional={
        "observedGeneration": st.integers(-1, 2),
        "deploymentId": st.sampled_from(["d", "dep_1"]),
        "state": st.sampled_from(["Running", "Stopped", "Paused", "Pending", "Failed", "Degraded"]),
        "artifact": st.fixed_dictionaries({"sha256": shas, "sizeBytes": st.integers(0, 3000)}),
        "pending": st.fixed_dictionaries(
            {
                "action": st.sampled_from(["Register", "Replace", "Acknowledge", "?"]),
                "from": shas,
                "to": shas,
                "at": moments,
            }
        ),
        "pause": st.fixed_dictionaries({"id": words, "reason": words}),
        "drift": st.lists(
            st.fixed_dictionaries({"field": words | st.just("state"), "desired": words, "since": moments}),
            max_size=2,
        ),
        "history": st.lists(
            st.fixed_dictionaries(
                {"at": moments, "event": st.sampled_from(["Started", "DriftCorrected", "Updated"])}
            ),
            max_size=10,
        ),
        "conditions": st.lists(
            st.fixed_dictionaries(
                {
                    "type": st.sampled_from(["Ready", "Stalled", "Live"]),
                    "status": st.sampled_from(["True", "False"]),
                    "reason": st.sampled_from(
                        ["Rejected", "ReplaceRejected", "DriftLoop", "ManualStop", "InSync"]
                    ),
                    "observedGeneration": st.integers(0, 2),
                    "lastTransitionTime": moments,
                }
            ),
            unique_by=lambda c: c["type"],
            max_size=3,
        ),
    },
)
specs = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(["Running", "Stopped"]),
        "suspend": st.booleans(),
        "driftPolicy": st.sampled_from(["Correct", "Report"]),
        "deletionPolicy": st.sampled_from(["Undeploy", "Orphan"]),
        "adopt": st.booleans(),
        "risk": st.none(),
        "artifact": st.just(source("b" * 40)),
    },
)
annotations = st.dictionaries(
    st.sampled_from([OVERRIDE, ROLLBACK, ADOPT_FROM, STATE_AT, TREE]),
    st.one_of(
        words,
        st.sampled_from(
            [
                json.dumps({"state": "Stopped", "commit": "1" * 40, "by": "ann"}),
                json.dumps({"to": SHA_B, "denied": SHA_A, "commit": "1" * 40}),
                json.dumps({"to": SHA_B, "denied": SHA_A, "commit": "b" * 40}),
            ]
        ),
    ),
)
builds = st.none() | st.builds(
    BuildView,
    st.sampled_from(BuildState),
    st.just("build-1"),
    shas,
    message=words,
    spec=st.just({"path": "."}),
)
checks = st.lists(st.builds(Check, words, st.sampled_from(Result), words, words), max_size=2).map(tuple)


@st.composite
def sights(draw: st.DrawFn) -> Sight:
    raw = draw(st.none() | rows)
    return Sight(
        written_at=datetime.fromisoformat(draw(moments)).astimezone(UTC),
        row=None if raw is None else parse_row(raw),
        source=draw(st.sampled_from(Source)),
        absent_lists=draw(st.integers(0, 3)),
        lists_without_id=draw(st.integers(0, 3)),
        not_found_id=draw(st.sampled_from(["", "d", "dep_1"])),
        deleted_id=draw(st.sampled_from(["", "d", "dep_1"])),
        ours_id=draw(st.sampled_from(["", "d", "dep_1"])),
        after=draw(st.sampled_from(["", "Start", "Stop", "Update", "Register"])),
    )


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(
    spec=specs,
    sight=sights(),
    record=records,
    deleting=st.booleans(),
    account=st.sampled_from(AccountState),
    artifact=st.builds(ArtifactView, st.sampled_from(ArtifactState), shas, st.none() | st.integers(0, 3000)),
    claimed=st.none() | st.just(Claim("older", "a/b")),
    failure=st.none() | st.sampled_from(FailureKind),
    notes=annotations,
    build=builds,
    checked=checks,
    state_owner=st.sampled_from([None, "", "kubectl"]),
)
def test_the_core_is_total(
    spec: dict[str, Any],
    sight: Sight,
    record: dict[str, Any],
    deleting: bool,
    account: AccountState,
    artifact: ArtifactView,
    claimed: Claim | None,
    failure: FailureKind | None,
    notes: dict[str, str],
    build: BuildView | None,
    checked: tuple[Check, ...],
    state_owner: str | None,
) -> None:
    before = AlgoDeploymentStatus.model_validate(record)
    cluster = Cluster(
        spec=spec_of(**spec), generation=2, deleting=deleting, finalizers=[FINALIZER], status=before
    )
    cluster.annotations = notes

    def asked(status: AlgoDeploymentStatus) -> Desired:
        cluster.status = status
        return Desired.of(cluster.resource(), "sandbox", build=build, state_owner=state_owner)

    desired = asked(before)
    observed = Observed(sight, AccountView("sandbox", account), artifact, claimed, checks=checked)
    found = plan(desired, observed, before, POLICY, START)
    assert plan(desired, observed, before, POLICY, START) == found
    for text in (as_text(found, "x"), as_markdown(found, "x"), str(as_json(found))):
        assert text
    done = tuple(Done(action, START) for action in found.actions)
    outcomes = [Outcome(), Outcome(done)]
    if failure is not None and found.actions:
        outcomes.append(Outcome((), found.actions[-1], Failure(failure, "no")))
    for outcome in outcomes:
        after = next_status(desired, observed, before, found, outcome, POLICY, START)
        assert len(after.history) <= 10
        assert AlgoDeploymentStatus.model_validate(to_cr(after)) == after
        assert events(before, before) == ()
        events(before, after)
        requeue(found, outcome, before, after)
    # looking again and again at the same thing comes to rest: nothing is written for ever
    status = before
    for _ in range(5):
        status = again(asked(status), observed, status)
    assert again(asked(status), observed, status) == status


def again(desired: Desired, observed: Observed, status: AlgoDeploymentStatus) -> AlgoDeploymentStatus:
    found = plan(desired, observed, status, POLICY, START)
    return next_status(desired, observed, status, found, Outcome(), POLICY, START)
