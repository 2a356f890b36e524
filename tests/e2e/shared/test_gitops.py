"""A commit is the only thing anyone does: from a push to a running algo, seen in git, the cluster and paper."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from sequence_operator.artifact.store import configmap
from support.gitops import MODULE, Desk, algo, crate, sequence_toml
from support.gitserver import GitServer
from support.localstack import LocalStack
from support.processes import wait_until

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def desk(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Its source `desk` follows a repository with one running algo, built from its crate."""
    with GitServer(tmp_path_factory.mktemp("git")) as server:
        desk = Desk(stack, server)
        desk.repo.commit("begin", algo("algos/quoter", "quoter", state="running"))
        desk.source()
        desk.running("quoter")
        yield desk


def test_a_first_commit_is_built_in_the_sandbox_registered_and_started(desk: Desk) -> None:
    head = desk.repo.head()
    obj = desk.stack.cr("quoter.sandbox")
    assert obj["spec"]["artifact"]["build"] == {
        "url": desk.repo.url,
        "commit": head,
        "path": "algos/quoter",
    }
    assert obj["spec"]["origin"]["commit"] == head
    (build,) = desk.builds()
    assert (build["status"]["phase"], build["status"]["sandboxed"]) == ("Succeeded", True)
    (row,) = desk.stack.rows("quoter")
    assert row["wasm_sha256"] == build["status"]["sha256"] == obj["status"]["artifact"]["sha256"]
    assert obj["status"]["history"][0]["author"].startswith("Ada")


def test_a_limit_changes_by_one_write_and_no_build(desk: Desk) -> None:
    builds, writes = len(desk.builds()), len(desk.writes())
    (before,) = desk.stack.rows("quoter")
    desk.push({"algos/quoter/Sequence.toml": sequence_toml("quoter", state="running", rate=12)})
    wait_until(lambda: desk.rate("quoter") == 12, "the new limit")
    desk.wait_condition("algo", "quoter.sandbox", "Ready")
    assert desk.writes()[writes:] == [f"PATCH /v1/deployments/{before['deployment_id']}"]
    assert len(desk.builds()) == builds
    (entry, *_) = desk.stack.cr("quoter.sandbox")["status"]["history"]
    assert (entry["event"], entry["commit"]) == ("Updated", desk.repo.head())
    assert entry["planHash"]


def test_code_that_does_not_compile_touches_nothing(desk: Desk) -> None:
    (before,) = desk.stack.rows("quoter")
    writes = len(desk.writes())
    good = desk.repo.files.joinpath("algos/quoter/src/lib.rs").read_text()
    desk.push({"algos/quoter/src/lib.rs": good + '\nfn broken() -> u8 { "text" }\n'}, "break it")
    problem = desk.wait_condition("algo", "quoter.sandbox", "ArtifactReady", "False", "BuildFailed")
    assert "mismatched types" in problem["message"]
    failed = next(b for b in desk.builds() if b["status"]["phase"] == "Failed")
    assert any("error[E0308]" in line for line in failed["status"]["log"])
    wait_until(lambda: desk.get_source()["status"]["problems"], "the source says which file", 60)
    (told,) = desk.get_source()["status"]["problems"]
    assert told["path"] == "algos/quoter/Sequence.toml"
    assert "src/lib.rs:67" in told["message"]
    assert desk.writes()[writes:] == []
    (after,) = desk.stack.rows("quoter")
    assert (after["status"], after["wasm_sha256"]) == ("running", before["wasm_sha256"])
    desk.push({"algos/quoter/src/lib.rs": good}, "mend it")
    desk.wait_condition("algo", "quoter.sandbox", "Ready")
    desk.wait_condition("algosrc", "desk", "Ready")
    assert (
        desk.writes()[writes:] == [f"PATCH /v1/deployments/{before['deployment_id']}"]
        or not desk.writes()[writes:]
    ), "the mended source gives the same bytes: at most the commit is told to the platform"


def test_a_file_that_does_not_parse_is_reported_and_the_others_go_on(desk: Desk) -> None:
    files = {
        "algos/bad/Sequence.toml": '[deployment]\nname = "bad"\n\n[risk]\nmax_order_rat = 3\n',
        "algos/quoter/Sequence.toml": sequence_toml("quoter", state="running", rate=13),
    }
    desk.push(files)
    wait_until(lambda: desk.rate("quoter") == 13, "the others go on")
    problems = {(p["path"], p["line"], p["column"]): p for p in desk.get_source()["status"]["problems"]}
    assert "max_order_rate" in problems["algos/bad/Sequence.toml", 5, 1]["message"], "did you mean"
    events = desk.stack.kubectl("get", "events", "-o", "jsonpath={.items[*].message}")
    assert "algos/bad/Sequence.toml:5:1" in events
    desk.push({"algos/bad/Sequence.toml": None})
    desk.wait_condition("algosrc", "desk", "Ready")


def test_stop_holds_until_the_next_commit_and_start_names_the_line(desk: Desk) -> None:
    stack = desk.stack
    refused = stack.run("--sandbox", "start", "quoter")
    stack("--sandbox", "stop", "quoter")
    assert stack.rows("quoter")[0]["status"] == "stopped"
    shown = stack("--sandbox", "status", "quoter")
    assert "override" in shown.lower()
    undeploy = stack.run("--sandbox", "undeploy", "quoter", "--yes")
    assert undeploy.returncode == 6
    assert "algos/quoter/Sequence.toml:3" in undeploy.stderr
    assert stack.cr("quoter.sandbox")["spec"]["origin"]["commit"][:8] in undeploy.stderr
    assert refused.returncode in (0, 6)  # it runs already: git and the wish agree
    desk.push({"algos/quoter/Sequence.toml": sequence_toml("quoter", state="running", rate=14)})
    desk.running("quoter")


def test_an_edit_by_hand_of_what_git_says_comes_back(desk: Desk) -> None:
    patch = json.dumps({"spec": {"risk": {"maxOrderRate": 99}}})
    desk.stack.kubectl("patch", "algo", "quoter.sandbox", "--type=merge", "-p", patch)
    wait_until(
        lambda: desk.stack.cr("quoter.sandbox")["spec"]["risk"]["maxOrderRate"] == 14,
        "git's limit is back",
        60,
    )
    wait_until(lambda: desk.rate("quoter") == 14, "on paper too")


def test_a_looser_limit_on_the_platform_is_pulled_back_even_while_suspended(desk: Desk) -> None:
    (row,) = desk.stack.rows("quoter")
    place = f"/v1/deployments/{row['deployment_id']}"
    text = sequence_toml("quoter", state="running", rate=14) + "\n[operator]\nsuspend = true\n"
    desk.push({"algos/quoter/Sequence.toml": text})
    wait_until(lambda: desk.stack.cr("quoter.sandbox")["spec"].get("suspend"), "suspended")
    assert desk.stack.platform("PATCH", place, {"risk": {"max_order_rate": 50}})[0] == 200
    wait_until(lambda: desk.rate("quoter") == 14, "pulled back")
    assert desk.stack.platform("PATCH", place, {"risk": {"max_order_rate": 3}})[0] == 200

    def reported() -> bool:
        drift = desk.stack.cr("quoter.sandbox")["status"].get("drift", [])
        return any(entry["field"].endswith("maxOrderRate") and entry["observed"] == "3" for entry in drift)

    wait_until(reported, "the tighter one is reported")
    assert desk.rate("quoter") == 3, "and kept"
    desk.push({"algos/quoter/Sequence.toml": sequence_toml("quoter", state="running", rate=15)})
    wait_until(lambda: desk.rate("quoter") == 15, "an edit is applied")


def test_rollback_goes_to_the_stored_module_and_stays_there(desk: Desk) -> None:
    (before,) = desk.stack.rows("quoter")
    good = desk.repo.files.joinpath("algos/quoter/src/lib.rs").read_text()
    desk.push({"algos/quoter/src/lib.rs": good.replace("10_000 {", "20_000 {")}, "requote sooner")
    wait_until(lambda: desk.module("quoter") not in ("", before["wasm_sha256"]), "the new module", 120)
    bad = desk.running("quoter")
    desk.server.stop()  # neither git nor a build is needed
    try:
        desk.stack("--sandbox", "rollback", "quoter")
        assert desk.running("quoter")["wasm_sha256"] == before["wasm_sha256"]
    finally:
        desk.server.start()
    assert desk.stack.cr("quoter.sandbox")["status"]["deniedDigests"] == [bad["wasm_sha256"]]
    desk.push(
        {"algos/quoter/Sequence.toml": sequence_toml("quoter", state="running", rate=16)}, "only a limit"
    )
    wait_until(lambda: desk.rate("quoter") == 16, "the new limit")
    assert desk.module("quoter") == before["wasm_sha256"], "the bad digest stays denied"
    desk.push({"algos/quoter/src/lib.rs": good}, "mend it in git")
    wait_until(
        lambda: not desk.stack.cr("quoter.sandbox")["status"].get("deniedDigests"), "nothing is denied"
    )
    assert desk.running("quoter")["wasm_sha256"] == before["wasm_sha256"]


def test_a_renamed_deployment_starts_once_the_old_one_is_gone(desk: Desk) -> None:
    desk.push(algo("algos/second", "first-name", state="running"))
    old = desk.running("first-name")
    writes = len(desk.writes())
    desk.push({"algos/second/Sequence.toml": sequence_toml("second-name", state="running")})
    new = desk.running("second-name")
    assert desk.stack.rows("first-name") == []
    # The platform's DELETE stops, cancels what rests and unregisters; the create waits for the proof that it is gone.
    assert desk.writes()[writes:] == [
        f"DELETE /v1/deployments/{old['deployment_id']}",
        "POST /v1/deployments",
        f"POST /v1/deployments/{new['deployment_id']}/start",
    ]


def test_a_deleted_folder_is_stopped_unregistered_and_only_then_gone(desk: Desk) -> None:
    (row,) = desk.stack.rows("second-name")
    writes = len(desk.writes())
    desk.push({"algos/second": None})
    wait_until(lambda: "second-name.sandbox" not in desk.versions(), "the object is gone")
    assert desk.stack.rows("second-name") == []
    assert desk.writes()[writes:] == [f"DELETE /v1/deployments/{row['deployment_id']}"]
    assert desk.stack.rows("quoter")[0]["status"] == "running"


def test_an_unrelated_history_or_an_emptied_repository_prunes_nothing(desk: Desk) -> None:
    good, writes = desk.repo.head(), len(desk.writes())
    for files in (
        {"algos": None, "README": "something else"},
        {"other/Sequence.toml": sequence_toml("other")},
    ):
        for path, content in files.items():
            desk.repo.remove(path) if content is None else desk.repo.write(path, content)
        commit = desk.repo.unrelated()
        desk.hook()
        desk.wait_condition("algosrc", "desk", "Ready", "False")
        desk.seen(commit)
        assert commit[:8] in json.dumps(desk.get_source()["status"]["conditions"])
        assert "quoter.sandbox" in desk.versions()
    assert desk.writes()[writes:] == []
    desk.repo.git("update-ref", "refs/heads/main", good)
    desk.repo.git("reset", "--quiet", "--hard", good)
    desk.hook()
    desk.wait_condition("algosrc", "desk", "Ready")


def test_an_algo_moves_between_sources_as_it_runs(desk: Desk) -> None:
    other = Desk(desk.stack, desk.server, "other")
    other.repo.commit("begin", {"README": "nothing yet"})
    other.source("other")
    wait_until(lambda: other.get_source("other").get("status", {}).get("observedCommit"), "it looked")
    (row,) = desk.stack.rows("quoter")
    writes = len(desk.writes())
    text = desk.repo.files.joinpath("algos/quoter/Sequence.toml").read_text()
    other.push(crate("algos/quoter") | {"algos/quoter/Sequence.toml": text}, source="other")
    assert "desk" in json.dumps(other.get_source("other")["status"]["problems"]), "it belongs to desk as yet"
    desk.push({"algos/quoter": None, "keep/Sequence.toml": sequence_toml("kept")})
    label = "sequencemkts.com/source"
    wait_until(
        lambda: desk.stack.cr("quoter.sandbox")["metadata"]["labels"].get(label) == "other", "handed over", 90
    )
    desk.wait_condition("algo", "quoter.sandbox", "Ready")
    assert desk.stack.rows("quoter")[0]["deployment_id"] == row["deployment_id"]
    assert not [w for w in desk.writes()[writes:] if not w.startswith("PATCH")], "no restart"


def test_what_the_cli_deployed_is_taken_over_as_it_runs(desk: Desk) -> None:
    stack = desk.stack
    wasm = configmap(MODULE, "sequence")
    desk.apply(wasm)
    folder = stack.home / "mine"
    folder.mkdir()
    (folder / "Sequence.toml").write_text(sequence_toml("mine", build='wasm = "algo.wasm"'))
    (folder / "algo.wasm").write_bytes(MODULE)
    stack("--sandbox", "deploy", "--skip-build", cwd=folder)
    stack("--sandbox", "start", "mine")
    row = desk.running("mine")
    writes = len(desk.writes())
    toml = sequence_toml("mine", build='prebuilt = true\nwasm = "algo.wasm"')
    desk.push({"mine/Sequence.toml": toml, "mine/algo.wasm": MODULE})
    managers = lambda: {m["manager"] for m in stack.cr("mine.sandbox")["metadata"]["managedFields"]}  # noqa: E731
    wait_until(lambda: "sequence-cli" not in managers() and "sequence-source" in managers(), "taken over")
    assert desk.running("mine")["deployment_id"] == row["deployment_id"]
    assert not [w for w in desk.writes()[writes:] if not w.startswith("PATCH")], "no restart"
    refused = stack.run("--sandbox", "undeploy", "mine", "--yes")
    assert refused.returncode == 6
    assert "mine/Sequence.toml" in refused.stderr
    stack("--sandbox", "stop", "mine")  # the file sets no state: start and stop decide as before
    stack("--sandbox", "start", "mine")
    desk.running("mine")
