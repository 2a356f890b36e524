"""Whole files: `good/NAME.toml` renders to `good/NAME.yaml`; `bad/NAME.toml` has exactly the problems of `NAME.txt`."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sequence_operator.spec.problems import SpecError
from sequence_operator.spec.render import algo_deployment, stored
from sequence_operator.spec.resources import AlgoDeployment, Origin
from sequence_operator.spec.sequence_toml import parse
from support.objects import SHA

GOLDEN = Path(__file__).parent / "golden"
ORIGIN = Origin(
    repository="https://git.example.com/desk/algos.git",
    commit="3c0ffee1" * 5,
    path="Sequence.toml",
    dirty=True,
)


def cases(kind: str) -> list[str]:
    found = sorted(path.stem for path in (GOLDEN / kind).glob("*.toml"))
    assert found
    return found


def rendered(name: str) -> dict:
    file = parse((GOLDEN / "good" / f"{name}.toml").read_text())
    return algo_deployment(
        file,
        namespace="trading",
        account="sandbox",
        mode="sandbox",
        artifact=stored(SHA),
        origin=ORIGIN,
        with_state=True,
    )


@pytest.mark.parametrize("name", cases("good"))
def test_a_file_renders_to_this_object(name):
    assert rendered(name) == yaml.safe_load((GOLDEN / "good" / f"{name}.yaml").read_text())


@pytest.mark.parametrize("name", cases("good"))
def test_the_api_server_takes_what_is_rendered(api, name):
    body = rendered(name)
    del body["metadata"]["namespace"]
    answer = api.create(body)
    assert answer.stored is not None, answer.causes
    assert AlgoDeployment.model_validate(answer.stored).spec == AlgoDeployment.model_validate(body).spec


@pytest.mark.parametrize("name", cases("bad"))
def test_a_file_has_exactly_these_problems(name):
    with pytest.raises(SpecError) as caught:
        parse((GOLDEN / "bad" / f"{name}.toml").read_text())
    assert str(caught.value) == (GOLDEN / "bad" / f"{name}.txt").read_text().rstrip("\n")
