"""What people and the platform do behind our back: repaired, respected or reported, and written into the
history.
"""

from __future__ import annotations

import time

from support.processes import wait_until

PAUSE = {"id": "p-1", "reason": "DAILY_LOSS_LIMIT", "at_ns": 1}


def test_what_somebody_changed_on_the_platform_is_put_right_and_written_down(shared):
    name = shared.algo("my-mm", state="Running")
    shared.wait(name, "Running")

    row = shared.stub.one("my-mm")
    row["risk"] = {**row["risk"], "max_order_rate": 500}
    row["revision"] += 1
    wait_until(lambda: shared.stub.one("my-mm")["risk"]["max_order_rate"] == 10, "limit restored")

    shared.stub.one("my-mm")["status"] = "stopped"
    wait_until(lambda: shared.stub.status("my-mm") == "running", "started again")

    shared.stub.rows.clear()
    wait_until(lambda: shared.stub.status("my-mm") == "running", "registered again")
    shared.wait(name, "Running")
    assert len(shared.stub.by_name("my-mm")) == 1
    assert shared.history(name).count("DriftCorrected") >= 3
    assert "DriftCorrected" in shared.events(name)
    assert shared.operator.metric("sequence_operator_drift_corrected_total") >= 2


def test_reported_drift_is_left_as_it_is(shared):
    name = shared.algo("my-mm", state="Running", driftPolicy="Report")
    shared.wait(name, "Running")
    shared.stub.one("my-mm")["status"] = "stopped"
    entry = wait_until(lambda: shared.status(name).get("drift"), "reported")[0]
    assert (entry["field"], entry["desired"], entry["observed"]) == ("state", "Running", "Stopped")
    shared.ticks(2)
    assert shared.stub.status("my-mm") == "stopped"


def test_a_second_stop_by_somebody_is_respected(shared):
    name = shared.algo("my-mm", state="Running")
    shared.wait(name, "Running")
    shared.stub.one("my-mm")["status"] = "stopped"
    wait_until(lambda: shared.stub.status("my-mm") == "running", "started again")
    shared.wait(name, "Running")
    shared.stub.one("my-mm")["status"] = "stopped"
    shared.wait_condition(name, "Live", "ManualStop")
    shared.ticks(2)
    assert shared.stub.status("my-mm") == "stopped"


def test_a_pause_is_never_undone_by_us(shared):
    name = shared.algo("my-mm", state="Running")
    shared.wait(name, "Running")
    starts = shared.stub.count("start")
    row = shared.stub.one("my-mm")
    row["pause"], row["status"] = dict(PAUSE), "paused"
    wait_until(lambda: shared.status(name).get("pause"), "pause reported")
    shared.ticks(2)
    assert shared.status(name)["pause"]["reason"] == "DAILY_LOSS_LIMIT"
    assert shared.condition(name, "Live")["status"] == "False"
    assert shared.stub.count("start") == starts
    shared.annotate(name, "acknowledge-pause", "p-other")
    shared.ticks(1)
    assert shared.stub.count("start") == starts
    shared.annotate(name, "acknowledge-pause", "p-1")
    shared.wait(name, "Running")
    assert "pause" not in shared.status(name)


def test_suspend_stops_writing_but_not_seeing(shared):
    name = shared.algo("my-mm", state="Running")
    shared.wait(name, "Running")
    shared.patch(name, suspend=True)
    shared.stub.one("my-mm")["status"] = "stopped"
    wait_until(lambda: shared.status(name).get("drift"), "drift reported")
    assert shared.status(name)["state"] == "Stopped"
    shared.delete(name, wait=0)
    shared.wait_condition(name, "Stalled", "DeletionSuspended")
    shared.ticks(1)
    assert shared.stub.count("start") == 1
    assert shared.stub.count("delete") == 0
    shared.patch(name, suspend=False)
    wait_until(lambda: not shared.exists(name), "deleted")
    assert shared.stub.by_name("my-mm") == []


def test_an_orphan_keeps_running(shared):
    name = shared.algo("my-mm", state="Running", deletionPolicy="Orphan")
    shared.wait(name, "Running")
    shared.delete(name)
    assert shared.stub.status("my-mm") == "running"
    assert shared.stub.count("stop") == shared.stub.count("delete") == 0


def test_a_new_artifact_replaces_the_old_one(shared, controlplane):
    from .test_life import writes

    name = shared.algo("my-mm", state="Running")
    shared.wait(name, "Running")
    before = len(writes(controlplane, shared.namespace))
    artifact = shared.artifact(2)
    shared.patch(name, artifact=artifact)
    wait_until(
        lambda: (
            (shared.status(name).get("artifact") or {}).get("sha256") == artifact["sha256"]
            and shared.state(name) == ("True", "Running")
        ),
        "replaced",
    )
    assert len(writes(controlplane, shared.namespace)) - before <= 2
    assert shared.stub.one("my-mm")["wasm_sha256"] == artifact["sha256"]
    assert shared.stub.count("create") == 2


def test_an_artifact_that_cannot_run_leaves_the_old_one_running(shared):
    import base64
    import hashlib

    name = shared.algo("my-mm", state="Running")
    shared.wait(name, "Running")
    nonsense = b"\0asm\1\0\0\0 no module"
    sha256 = hashlib.sha256(nonsense).hexdigest()
    shared.api.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"wasm-{sha256}"},
            "immutable": True,
            "binaryData": {"algo.wasm": base64.b64encode(nonsense).decode()},
        }
    )
    shared.patch(name, artifact={"configMapRef": {"name": f"wasm-{sha256}"}, "sha256": sha256})
    wait_until(lambda: shared.condition(name, "ArtifactReady").get("status") == "False", "refused")
    shared.ticks(1)
    assert shared.stub.status("my-mm") == "running"
    assert shared.stub.count("stop") == shared.stub.count("delete") == 0


def test_a_request_to_look_again_is_echoed(shared):
    name = shared.algo("my-mm")
    shared.wait(name, "Stopped")
    stamp = str(time.time_ns())
    shared.annotate(name, "reconcile-requested-at", stamp)
    wait_until(lambda: shared.status(name).get("lastHandledReconcileAt") == stamp, "echo")
