"""`sequence plan --base COMMIT --offline`: real repositories, real cargo, no cluster and no key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import Cli
from .support_repo import BARE, Clone, algo, crate, sequence_toml, source

OFFLINE = ("plan", "--base", "main", "--offline", "-o", "json")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """Two algos on main, and a branch that is checked out."""
    clone = Clone(tmp_path / "algos", "https://git.example.com/desk/algos.git")
    clone.commit({**algo("algos/a", "a", state="running"), **algo("algos/b", "b")}, "begin")
    clone.git("checkout", "--quiet", "-b", "change")
    monkeypatch.chdir(clone.root)
    return clone


def planned(cli: Cli, *more: str) -> tuple[int, dict[str, Any], str]:
    done = cli(*OFFLINE, *more)
    assert done.out, done.err
    return done.code, json.loads(done.out), done.err


def verbs(item: dict[str, Any]) -> list[str]:
    """The steps, but for an update that only tells the platform which commit it is."""
    return [
        change["verb"]
        for change in item["changes"]
        if change["verb"] != "Update" or not all(f["field"].startswith("metadata.") for f in change["fields"])
    ]


def fields(item: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """field: (now, then), without bookkeeping."""
    found = [f for change in item["changes"] for f in change["fields"]]
    return {
        f["field"]: (f["observed"], f["desired"]) for f in found if not f["field"].startswith("metadata.")
    }


def test_nothing_changes(cli: Cli, clone: Clone) -> None:
    code, plan, err = planned(cli)
    assert (code, plan["items"], plan["hash"], plan["unchanged"]) == (0, [], "", 2)
    assert "what runs is taken to be as main" in plan["notes"][0]
    assert "Compiling" not in err


def test_a_tighter_limit_in_the_working_folder(cli: Cli, clone: Clone) -> None:
    clone.write({"algos/a/Sequence.toml": sequence_toml("a", state="running", rate=12)})
    code, plan, err = planned(cli)
    (item,) = plan["items"]
    assert (code, item["name"], item["path"]) == (1, "a", "algos/a/Sequence.toml")
    assert (item["group"], item["what"], item["running"]) == ("risk-reducing", "change", True)
    assert verbs(item) == ["Update"]
    assert fields(item) == {"risk.maxOrderRate": ("20", "12")}
    assert len(item["hash"]) == 12
    assert "Compiling" not in err, "a limit builds nothing"
    assert "the working folder" in plan["title"]
    clone.commit({}, "tighter")
    again = planned(cli)[1]
    assert again["hash"] == plan["hash"], "committed or not, it is the same change"
    assert cli(*OFFLINE, "--commit", "main").code == 0


def test_groups_and_text(cli: Cli, clone: Clone) -> None:
    clone.write({"algos/a/Sequence.toml": sequence_toml("a", state="running", rate=30)})
    clone.write({"algos/b/Sequence.toml": sequence_toml("b", rate=5)})
    done = cli("plan", "--base", "main", "--offline")
    assert done.code == 1
    out = done.out
    assert out.index("risk-increasing:") < out.index("a on account live") < out.index("risk-reducing:")
    assert "plan hash: " in out
    markdown = cli("plan", "--base", "main", "--offline", "--markdown").out
    assert markdown.startswith("### ")
    assert "`risk.maxOrderRate`" in markdown
    assert cli(*OFFLINE[:-1], "name").out.split() == [
        "algodeployment.sequencemkts.com/a",
        "algodeployment.sequencemkts.com/b",
    ]


def test_code_that_changes_what_runs_is_built_and_replaces(cli: Cli, clone: Clone) -> None:
    clone.write(
        {
            "algos/a/src/lib.rs": BARE.replace(
                "algo_on_book(_: i32, _: i32) -> i32 { 0 }", "algo_on_book(x: i32, _: i32) -> i32 { x & 0 }"
            )
            + COUNTER
        }
    )
    code, plan, err = planned(cli)
    (item,) = plan["items"]
    assert (code, verbs(item)) == (1, ["Replace", "Start"])
    now, then = fields(item)["artifact.sha256"]
    assert now != then
    assert any(note.startswith("built here: ") and then in note for note in item["notes"])
    assert err.count("Compiling") == 2, "what is, and what was before"


COUNTER = '\n#[no_mangle]\npub extern "C" fn algo_on_heartbeat(_: i32) -> i32 { 0 }\n'


def test_code_that_compiles_to_the_same_bytes_replaces_nothing(cli: Cli, clone: Clone) -> None:
    clone.write({"algos/a/src/lib.rs": BARE + "// only a comment\n"})
    code, plan, _ = planned(cli)
    (item,) = plan["items"]
    assert (code, "Replace" in verbs(item)) == (1, False)
    assert item["notes"][0].endswith("the same bytes as before")
    code, plan, err = planned(cli, "--no-build")
    (item,) = plan["items"]
    assert (code, verbs(item)) == (1, ["Replace", "Start"])
    assert any(note.startswith("not built here") for note in item["notes"])
    assert "Compiling" not in err


def test_code_that_does_not_compile(cli: Cli, clone: Clone) -> None:
    clone.write({"algos/a/src/lib.rs": BARE + 'fn broken() -> u8 { "text" }\n'})
    clone.write({"algos/b/Sequence.toml": sequence_toml("b", rate=5)})
    code, plan, _ = planned(cli)
    assert code == 2
    (problem,) = plan["problems"]
    assert (problem["path"], problem["line"]) == ("algos/a/src/lib.rs", BARE.count("\n") + 1)
    assert "error[E0308]: mismatched types" in problem["message"]
    items = {item["name"]: item for item in plan["items"]}
    assert items["a"]["refusal"]["reason"] == "BuildFailed"
    assert verbs(items["b"]) == ["Update"], "the others are planned all the same"
    shown = cli("plan", "--base", "main", "--offline")
    assert f"algos/a/src/lib.rs:{problem['line']}:" in shown.out
    assert shown.code == 2


def test_a_lock_file_that_does_not_fit(cli: Cli, clone: Clone) -> None:
    manifest = (clone.root / "algos/a/Cargo.toml").read_text()
    clone.write({"algos/a/Cargo.toml": manifest.replace('"0.1.0"', '"0.2.0"')})
    code, plan, _ = planned(cli)
    (problem,) = plan["problems"]
    assert (code, problem["path"]) == (2, "algos/a/Cargo.toml")
    assert "Cargo.lock" in problem["message"]


def test_mistakes_come_with_their_place_and_do_not_hide_the_rest(cli: Cli, clone: Clone) -> None:
    clone.write(
        {"algos/a/Sequence.toml": sequence_toml("a", rate=1).replace("max_order_rate", "max_order_rat")}
    )
    clone.write({"algos/b/Sequence.toml": sequence_toml("b", rate=5)})
    code, plan, _ = planned(cli)
    assert code == 2
    (problem,) = plan["problems"]
    assert (problem["path"], problem["line"], problem["column"]) == ("algos/a/Sequence.toml", 5, 1)
    assert "max_order_rate" in problem["message"]
    assert [item["name"] for item in plan["items"]] == ["b"]


def test_two_of_one_name(cli: Cli, clone: Clone) -> None:
    clone.write({"algos/b/Sequence.toml": sequence_toml("a")})
    code, plan, _ = planned(cli)
    assert code == 2
    assert {p["path"] for p in plan["problems"]} == {"algos/a/Sequence.toml", "algos/b/Sequence.toml"}
    assert not any(item["what"] == "remove" and item["name"] == "a" for item in plan["items"])


def test_a_folder_that_goes_and_one_that_comes(cli: Cli, clone: Clone) -> None:
    clone.git("rm", "-r", "--quiet", "algos/b")
    clone.write(algo("algos/c", "c", state="running"))
    code, plan, _ = planned(cli)
    items = {item["name"]: item for item in plan["items"]}
    assert code == 1
    assert (items["b"]["what"], verbs(items["b"])) == ("remove", ["Unregister"])
    assert (items["c"]["what"], verbs(items["c"])) == ("create", ["Register", "Start"])
    assert any("built here: " in note for note in items["c"]["notes"])


def test_a_new_name_waits_for_the_end_of_the_old_one(cli: Cli, clone: Clone) -> None:
    clone.write({"algos/a/Sequence.toml": sequence_toml("renamed", state="running")})
    code, plan, _ = planned(cli)
    items = {item["name"]: item for item in plan["items"]}
    assert (code, set(items)) == (1, {"a", "renamed"})
    assert items["a"]["what"] == "remove"
    assert verbs(items["renamed"]) == ["Register", "Start"]
    assert any("its former name, is undeployed first" in note for note in items["renamed"]["notes"])


def test_the_brake(cli: Cli, clone: Clone) -> None:
    clone.git("checkout", "--quiet", "main")
    fleet = {f"algos/n{i}/Sequence.toml": sequence_toml(f"n{i}", state="running") for i in range(10)}
    crates = {path: text for i in range(10) for path, text in crate(f"algos/n{i}").items()}
    clone.commit({**fleet, **crates}, "a fleet")
    clone.git("checkout", "--quiet", "-b", "all-at-once")
    clone.write({path: sequence_toml(f"n{i}", state="running", rate=7) for i, path in enumerate(fleet)})
    code, plan, _ = planned(cli)
    assert (code, len(plan["items"])) == (1, 10)
    assert "touches 10 of 11 running algos" in plan["held"]
    assert "annotate algosrc" in plan["held"]


SOURCES = {
    "clusters/sources.yaml": "\n---\n".join(
        [
            source("sandbox", ["sandbox/**/Sequence.toml"], "sandbox"),
            source("live", ["live/**/Sequence.toml"], "live"),
        ]
    )
}


def test_sources_in_the_repository_say_which_account(cli: Cli, clone: Clone) -> None:
    clone.git("checkout", "--quiet", "main")
    clone.commit({**SOURCES, **algo("sandbox/q", "quoter", rate=9)}, "sandbox first")
    clone.git("checkout", "--quiet", "-b", "promote")
    clone.write(algo("live/q", "quoter", rate=9, state="stopped"))
    code, plan, _ = planned(cli)
    (item,) = plan["items"]
    assert (code, item["name"], item["account"]) == (1, "quoter", "live")
    assert item["path"] == "live/q/Sequence.toml"
    assert plan["unchanged"] == 1, "algos/ belongs to no source"
    clone.write({"sandbox/q/Sequence.toml": sequence_toml("quoter", rate=10)})
    assert {i["name"] for i in planned(cli)[1]["items"]} == {"quoter", "quoter.sandbox"}
    assert {i["name"] for i in planned(cli, "--source", "sandbox")[1]["items"]} == {"quoter.sandbox"}
    unknown = cli(*OFFLINE, "--source", "nowhere")
    assert (unknown.code, unknown.out) == (2, "")
    assert "there is no AlgoSource nowhere" in unknown.err
    assert "sandbox (https://git.example.com/desk/algos.git)" in unknown.err


def test_a_clone_from_elsewhere_is_planned_and_told(cli: Cli, clone: Clone) -> None:
    clone.git("remote", "remove", "origin")
    clone.commit({**SOURCES, **algo("sandbox/q", "quoter")}, "sources")
    code, plan, _ = planned(cli)
    assert (code, [item["name"] for item in plan["items"]]) == (1, ["quoter.sandbox"])
    assert any("is no remote of this clone" in note for note in plan["notes"])


def test_a_move_between_two_sources_touches_nothing_that_runs(cli: Cli, clone: Clone) -> None:
    clone.git("checkout", "--quiet", "main")
    other = "\n---\n".join(
        [source("one", ["one/**/Sequence.toml"], "live"), source("two", ["two/**/Sequence.toml"], "live")]
    )
    clone.commit({"sources.yaml": other, **algo("one/q", "quoter", state="running")}, "one")
    clone.git("checkout", "--quiet", "-b", "move")
    clone.git("mv", "one", "two")
    _, plan, _ = planned(cli, "--no-build")
    assert not [item for item in plan["items"] if item["what"] == "remove"]
    for item in plan["items"]:
        assert not {"Stop", "Unregister", "Register"} & set(verbs(item))


def test_flags_in_place_of_sources(cli: Cli, clone: Clone) -> None:
    clone.write({"algos/a/Sequence.toml": sequence_toml("a", rate=3)})
    clone.write({"algos/b/Sequence.toml": sequence_toml("b", rate=3)})
    _, plan, _ = planned(cli, "--path", "algos/b", "--sandbox")
    assert [(i["name"], i["account"]) for i in plan["items"]] == [("b.sandbox", "sandbox")]


def test_only_what_the_branch_did_counts(cli: Cli, clone: Clone) -> None:
    clone.commit({"algos/b/Sequence.toml": sequence_toml("b", rate=3)}, "mine")
    clone.git("checkout", "--quiet", "main")
    clone.commit({"algos/a/Sequence.toml": sequence_toml("a", rate=4, state="running")}, "theirs")
    clone.git("checkout", "--quiet", "change")
    _, plan, err = planned(cli)
    assert [item["name"] for item in plan["items"]] == ["b"]
    assert "where this branch left main" in err


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("plan", "--base", "main"), "--base needs --offline"),
        (("plan", "--offline"), "--offline needs --base main"),
        (("plan", "a", "--base", "main", "--offline"), "one deployment, or the files of a repository"),
        (("plan", "--base", "nowhere", "--offline"), "there is no commit 'nowhere'"),
        (("plan", "--base", "main", "--offline", "--commit", "-x"), "there is no commit '-x'"),
    ],
)
def test_what_cannot_be_meant(cli: Cli, clone: Clone, args: tuple[str, ...], says: str) -> None:
    done = cli(*args)
    assert (done.code, done.out) == (2, "")
    assert f"error: {says}" in done.err or says in done.err
    assert "hint: " in done.err


def test_outside_of_a_repository(cli: Cli, own_environment: Path) -> None:
    done = cli(*OFFLINE)
    assert (done.code, "is in no git repository" in done.err) == (2, True)


def test_what_the_file_says_of_the_state(cli: Cli, clone: Clone) -> None:
    clone.write({"algos/a/Sequence.toml": sequence_toml("a", state="stopped")})
    _, plan, _ = planned(cli)
    (item,) = plan["items"]
    assert (item["group"], verbs(item)) == ("risk-reducing", ["Stop"])
    clone.write({"algos/a/Sequence.toml": sequence_toml("a")})
    code, plan, _ = planned(cli)
    assert code == 1
    assert not {"Stop", "Start"} & {verb for item in plan["items"] for verb in verbs(item)}, (
        "a file that says nothing of the state any more leaves it as it is"
    )
    clone.write({"algos/a/Sequence.toml": sequence_toml("a", state="running")})
    clone.write({"algos/b/Sequence.toml": sequence_toml("b", state="running")})
    _, plan, _ = planned(cli)
    assert [(item["name"], verbs(item)) for item in plan["items"]] == [("b", ["Start"])]
    assert plan["items"][0]["group"] == "risk-increasing"


def test_what_leaves_a_source_that_prunes_nothing_stays(cli: Cli, clone: Clone) -> None:
    clone.git("checkout", "--quiet", "main")
    keeping = source("keep", ["algos/**/Sequence.toml"], "live").rstrip() + "\n  prune: false\n"
    clone.commit({"source.yaml": keeping}, "keep")
    clone.git("checkout", "--quiet", "-b", "leave")
    clone.git("rm", "-r", "--quiet", "algos/b")
    code, plan, _ = planned(cli)
    assert (code, plan["items"]) == (0, [])
    assert any("stays as it is: spec.prune is false" in note for note in plan["notes"])


def test_a_repository_that_lost_everything(cli: Cli, clone: Clone) -> None:
    clone.git("rm", "-r", "--quiet", "algos")
    code, plan, _ = planned(cli)
    assert code == 1
    assert "nothing is undeployed" in plan["held"]
    assert "approve-commit" in plan["held"]


def test_a_crate_that_two_algos_share(cli: Cli, clone: Clone) -> None:
    shared = crate("shared", "#![no_std]\npub const GAP: i32 = 1;\n")
    shared["shared/Cargo.toml"] = '[package]\nname = "shared"\nversion = "0.1.0"\n\n[workspace]\n'
    users: dict[str, Any] = {}
    for name in ("a", "b"):
        files = crate(f"algos/{name}", BARE.replace("-> i32 { 0 }", "-> i32 { shared::GAP }"))
        manifest = str(files[f"algos/{name}/Cargo.toml"])
        files[f"algos/{name}/Cargo.toml"] = (
            manifest + '\n[dependencies]\nshared = { path = "../../shared" }\n'
        )
        lock = str(files[f"algos/{name}/Cargo.lock"])
        dependent = (
            lock + 'dependencies = [\n "shared",\n]\n\n[[package]]\nname = "shared"\nversion = "0.1.0"\n'
        )
        files[f"algos/{name}/Cargo.lock"] = dependent
        users |= files
    clone.git("checkout", "--quiet", "main")
    clone.commit({**shared, **users}, "share")
    clone.git("checkout", "--quiet", "-b", "wider")
    clone.write({"shared/src/lib.rs": "#![no_std]\npub const GAP: i32 = 2;\n"})
    code, plan, _ = planned(cli)
    assert (code, [(i["name"], verbs(i)[0]) for i in plan["items"]]) == (
        1,
        [("a", "Replace"), ("b", "Replace")],
    )
    clone.write({"shared/src/lib.rs": "#![no_std]\npub const GAP: i32 = ;\n"})
    code, plan, _ = planned(cli)
    assert code == 2
    assert {p["path"] for p in plan["problems"]} == {"shared/src/lib.rs"}


def test_a_committed_module(cli: Cli, clone: Clone) -> None:
    prebuilt = sequence_toml("c", state="running") + '\n[build]\nprebuilt = true\nwasm = "c.wasm"\n'
    clone.git("checkout", "--quiet", "main")
    clone.commit({"algos/c/Sequence.toml": prebuilt, "algos/c/c.wasm": b"\0asm\1\0\0\0"}, "prebuilt")
    clone.git("checkout", "--quiet", "-b", "other")
    assert planned(cli)[0] == 0
    clone.write({"algos/c/c.wasm": b"\0asm\1\0\0\0\0\1\0"})
    code, plan, err = planned(cli)
    (item,) = plan["items"]
    assert (code, verbs(item), "Compiling" in err) == (1, ["Replace", "Start"], False)
