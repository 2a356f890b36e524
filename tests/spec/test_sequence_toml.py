"""Reading `Sequence.toml`: what comes out of good files, and that nothing but problems comes out of others."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequence_operator.spec.problems import Problem, SpecError
from sequence_operator.spec.sequence_toml import load, parse

HEAD = '[deployment]\nname = "a"\n'
ONE = '[[instances]]\nvenue = "kraken"\nsymbols = ["BTC-USD"]\n'


def many(count: int) -> str:
    return "".join(ONE + f'label = "i{n}"\n' for n in range(count))


def test_limits_that_are_exactly_reached_pass():
    params = "".join(f"p{n} = {n}\n" for n in range(32))
    risk = f"[risk]\nmax_position_1e8 = {2**63 - 1}\nmax_order_rate = 5\nmax_open_orders = 32\n"
    same = "risk = { max_order_rate = 5 }\n"
    file = parse(HEAD + risk + "[params]\n" + params + many(16) + same)
    assert file.risk is not None
    assert file.risk.max_position_1e8 == 2**63 - 1
    assert [(p.name, p.slot, p.value) for p in file.params] == [(f"p{n}", n, n) for n in range(32)]
    assert len(file.instances) == 16


def test_what_a_file_says_is_what_is_read():
    file = parse(HEAD + 'state = "stopped"\n[params]\nb = 1.0\na = { bps = 5 }\nc = true\n' + ONE)
    assert (file.deployment.name, file.deployment.state) == ("a", "stopped")
    assert [(p.name, p.slot, p.kind, p.value) for p in file.params] == [
        ("b", 0, "float", 1.0),
        ("a", 1, "bps", 5),
        ("c", 2, "bool", True),
    ]
    assert file.instances[0].label == "main"
    assert (file.mesh, file.risk, file.build.prebuilt) == (None, None, False)
    assert file.where("deployment", "state") == "Sequence.toml:3:1"


@pytest.mark.parametrize("venue", ["lmax", "binance_us", "coinbase_intl"])
def test_a_venue_that_is_no_slip_is_left_to_the_platform(venue):
    assert parse(HEAD + ONE.replace("kraken", venue)).instances[0].venue == venue


def test_load_names_the_file_as_seen_from_here(tmp_path, monkeypatch):
    (tmp_path / "algo").mkdir()
    path = tmp_path / "algo" / "Sequence.toml"
    path.write_text(HEAD.replace("name", "nmae") + ONE)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError) as caught:
        load(path)
    shown = os.path.join("algo", "Sequence.toml")
    message = "unknown key nmae in deployment: did you mean name?"
    assert caught.value.problems == [Problem(shown, 2, 1, message)]


def test_load_says_where_a_file_is_not_utf8(tmp_path):
    path = tmp_path / "Sequence.toml"
    path.write_bytes(b'[deployment]\nname = "\xe9"\n')
    with pytest.raises(SpecError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (2, 9)
    assert "not UTF-8: byte 0xe9" in problem.message


def test_load_leaves_a_missing_file_to_the_caller(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "Sequence.toml")


# -- whatever is written, the outcome is a file or problems inside the text -------------------------------------

WORDS = [
    "name",
    "label",
    "venue",
    "symbols",
    "risk",
    "params",
    "from",
    "to",
    "routes",
    "bps",
    "max_order_rate",
    "x",
]
TABLE_NAMES = ["deployment", "build", "risk", "params", "instances", "mesh", "operator", "strategy", "x"]
VALUES = st.recursive(
    st.one_of(
        st.integers(-(2**70), 2**70).map(str),
        st.floats().map(lambda f: repr(f)),
        st.sampled_from(["true", "1979-05-27", '"running"', '"BTC-USD"', '"a"', '"kraken"', '""', '"é日"']),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(st.sampled_from(WORDS), inner, max_size=4).map(
            lambda table: "{" + ", ".join(f"{k} = {v}" for k, v in table.items()) + "}"
        ),
    ),
    max_leaves=8,
)


def outcome(text: str) -> list[Problem]:
    """The problems of a text; none when it is a file that can be used."""
    try:
        parse(text)
    except SpecError as error:
        return error.problems
    return []


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(TABLE_NAMES), VALUES, max_size=6))
def test_any_document_gives_a_file_or_problems_inside_it(document):
    text = "".join(f"{name} = {value}\n" for name, value in document.items())
    lines = text.split("\n")
    for problem in outcome(text):
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert problem.message == problem.message.strip()
        assert problem.message.isprintable()
