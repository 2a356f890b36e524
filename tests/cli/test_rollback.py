"""`sequence rollback` against a real API server: what is chosen, what is refused, what is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sequence_operator.artifact.store import configmap, digest
from sequence_operator.cli.rollback import choose, denied_by
from sequence_operator.reconcile.effective import effective
from sequence_operator.spec.names import ROLLBACK
from sequence_operator.spec.resources import AlgoDeployment
from support.algos import build_algos
from support.api import Api

from .conftest import Cli
from .support_operator import AT, Operator, status

OLD, OLDER = b"\0asm-old", b"\0asm-older"


def entry(sha256: str, event: str = "Replaced") -> dict[str, str]:
    return {"at": AT, "event": event, "sha256": sha256, "commit": "", "message": ""}


@pytest.fixture
def present(cli: Cli, project: Path, operator: Operator, fetch: Callable[..., Any], kubectl: Any) -> str:
    """A deployment whose history goes back to two other modules; the digest of the present one."""
    assert cli("--sandbox", "deploy", "--skip-build").code == 0
    sha: str = fetch("algo", "my-mm.sandbox")["spec"]["artifact"]["sha256"]
    history = [
        entry(sha, "Started"),
        entry(sha),
        entry(digest(OLD)),
        entry(digest(OLDER)),
        entry("", "Updated"),
    ]

    def rule(obj: dict[str, Any]) -> dict[str, Any]:
        found = effective(AlgoDeployment.model_validate(obj))
        obj["spec"]["artifact"]["sha256"] = found.spec.artifact.sha256
        denied = [found.rollback.denied] if found.rollback else []
        return status(obj, found.spec.state, history=history, deniedDigests=denied)

    operator.rule = rule
    kubectl(
        "wait", "algo/my-mm.sandbox", "--for=jsonpath={.status.history[0].event}=Started", "--timeout=60s"
    )
    return sha


@pytest.fixture
def stored(present: str, api: Api, namespace: str) -> None:
    for wasm in (OLD, OLDER):
        api.apply(configmap(wasm, namespace))


@pytest.mark.usefixtures("stored")
def test_back_to_the_module_before_and_forward_again(
    cli: Cli, present: str, fetch: Callable[..., Any]
) -> None:
    before = fetch("algo", "my-mm.sandbox")
    done = cli("--sandbox", "rollback", "-o", "json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["to"], told["denied"], told["reached"]) == (digest(OLD), present, True)
    obj = fetch("algo", "my-mm.sandbox")
    assert obj["spec"] == before["spec"], "what is written stays"
    written = json.loads(obj["metadata"]["annotations"][ROLLBACK])
    assert (written["to"], written["denied"]) == (digest(OLD), present)
    shown = cli("--sandbox", "status").out
    assert f"to {digest(OLD)[:12]} by {written['by']}" in shown
    assert f"{present[:12]}\n" in shown.partition("denied")[2]

    # `start` and `stop` apply other fields as the same person: the rollback must survive them.
    assert cli("--sandbox", "start").code == 0
    assert cli("--sandbox", "stop").code == 0
    assert ROLLBACK in fetch("algo", "my-mm.sandbox")["metadata"]["annotations"]

    further = cli("--sandbox", "rollback", "-o", "json")
    assert json.loads(further.out)["to"] == digest(OLDER), further.err

    cleared = cli("--sandbox", "rollback", "--clear")
    assert (cleared.code, cleared.out) == (0, "my-mm  as written\n"), cleared.err
    assert fetch("algo", "my-mm.sandbox")["status"]["artifact"]["sha256"] == present
    again = cli("--sandbox", "rollback", "--clear")
    assert (again.code, "my-mm is not rolled back" in again.err) == (6, True)


@pytest.mark.usefixtures("stored")
def test_by_the_number_that_status_prints(cli: Cli, present: str) -> None:
    lines = cli("--sandbox", "status").out.partition("#  HISTORY")[2].splitlines()[1:]
    number = next(line.split()[0] for line in lines if digest(OLDER)[:12] in line)
    done = cli("--sandbox", "rollback", "--to", number)
    assert (done.code, done.out) == (0, f"my-mm  {digest(OLDER)[:12]}\n"), done.err


def test_a_module_that_is_not_stored_any_more(cli: Cli, present: str, api: Api, namespace: str) -> None:
    api.apply(configmap(OLDER, namespace))
    done = cli("--sandbox", "rollback")
    assert done.code == 5
    assert f"error: the module {digest(OLD)[:12]} is no longer stored" in done.err
    assert f"4 ({digest(OLDER)[:12]})" in done.err
    assert cli("--sandbox", "rollback", "--to", "4").code == 0


def test_a_stored_module_with_other_bytes_is_refused(
    cli: Cli, present: str, api: Api, namespace: str, fetch: Callable[..., Any]
) -> None:
    forged = configmap(OLDER, namespace)
    forged["metadata"]["name"] = f"wasm-{digest(OLD)}"
    api.apply(forged)
    done = cli("--sandbox", "rollback")
    assert (done.code, "DigestMismatch" in done.err) == (1, True)
    assert ROLLBACK not in fetch("algo", "my-mm.sandbox")["metadata"].get("annotations", {})


@pytest.mark.usefixtures("stored")
def test_a_deploy_ends_a_rollback_but_not_with_the_module_that_was_left(
    cli: Cli, present: str, fetch: Callable[..., Any], operator: Operator
) -> None:
    assert cli("--sandbox", "rollback").code == 0
    refused = cli("--sandbox", "deploy", "--skip-build")
    assert refused.code == 6
    assert "my-mm was rolled back from this module" in refused.err
    assert "rollback my-mm --clear" in refused.err

    Path("other.wasm").write_bytes(build_algos()["single01"])
    assert cli("set", "build.wasm", "other.wasm").code == 0
    done = cli("--sandbox", "deploy", "--skip-build")
    assert done.code == 0, done.err
    assert f"ended the rollback to {digest(OLD)[:12]}" in done.err
    assert ROLLBACK not in fetch("algo", "my-mm.sandbox")["metadata"].get("annotations", {})


class Aim:
    name, command = "my-mm", "sequence"


def algo(history: list[str], registered: str, written: str, denied: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "spec": {"artifact": {"sha256": written} if written else {"build": {}}},
        "status": {
            "artifact": {"sha256": registered},
            "history": [entry(sha) for sha in history],
            "deniedDigests": list(denied),
        },
    }


@pytest.mark.parametrize(
    ("obj", "number", "to", "denied"),
    [
        (algo(["c", "b", "a"], "c", "c"), None, "b", "c"),
        (algo(["c", "c", "b"], "c", ""), None, "b", "c"),
        (algo(["b", "c", "b", "a"], "b", "c", ("c",)), None, "a", "c"),
        (algo(["c", "b", "a"], "c", "c"), 3, "a", "c"),
        (
            algo(["b", "a"], "b", "c"),
            1,
            "b",
            "c",
        ),  # what is registered, while the spec names one that is refused
    ],
)
def test_which_module_is_meant_and_which_is_denied(
    obj: dict[str, Any], number: int | None, to: str, denied: str
) -> None:
    assert choose(Aim, obj, number) == to  # type: ignore[arg-type]
    assert denied_by(obj, to) == denied


def test_nothing_to_go_back_to(cli: Cli, present: str) -> None:
    for args, why in (
        (["--to", "1"], "entry 1 of its history is what is registered already"),
        (["--to", "5"], "entry 5 of its history (Updated) has no module"),
        (["--to", "9"], "its history has 5 entries, not 9"),
    ):
        done = cli("--sandbox", "rollback", *args)
        assert done.code == 6
        assert "error: my-mm has nothing to go back to" in done.err
        assert why in done.err
    assert cli("--sandbox", "rollback", "--to", "2", "--clear").code == 2
