"""`sequence set`: keys change, and nothing else of the file does."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_operator.cli.file_edit import edit
from sequence_operator.cli.file_keys import KeyMistakeError

from .conftest import Cli

FILE = """\
# two-sided quotes
[deployment]
name = "my-mm"          # on the platform
description = "quotes"

# limits of the desk
[risk]
max_order_rate = 20     # per second
max_position_1e8 = 200_000_000

[params]                # slots in this order
size = 3
spread = { bps = 10 }   # of mid
half = 0.5
quiet = false

[[instances]]
label = "maker"
venue = "kraken"        # the fast one
symbols = ["BTC-USD"]
risk = { max_order_rate = 5 } # tighter

[[instances]]
label = "hedger"
venue = "coinbase"
symbols = [
  "BTC-USD", # the pair
]
"""


@pytest.mark.parametrize(
    ("settings", "before", "after"),
    [
        ({"risk.max_order_rate": "10"}, "max_order_rate = 20     #", "max_order_rate = 10     #"),
        ({"risk.max_position_1e8": "50_000_000"}, "= 200_000_000", "= 50_000_000"),
        ({"deployment.description": 'say "hi"'}, '"quotes"', '"say \\"hi\\""'),
        ({"params.size": "-4"}, "size = 3\n", "size = -4\n"),
        ({"params.half": "2"}, "half = 0.5", "half = 2.0"),
        ({"params.spread": "12"}, "{ bps = 10 }   # of mid", "{ bps = 12 }   # of mid"),
        ({"params.spread.bps": "-4"}, "{ bps = 10 }   # of mid", "{ bps = -4 }   # of mid"),
        ({"params.quiet": "true"}, "quiet = false", "quiet = true"),
        ({"instances.maker.venue": "binance"}, '"kraken"        #', '"binance"        #'),
        (
            {"instances.maker.symbols": "BTC-USD, ETH-USD"},
            '["BTC-USD"]\nrisk',
            '["BTC-USD", "ETH-USD"]\nrisk',
        ),
        (
            {"instances.maker.risk.max_order_rate": "4"},
            "{ max_order_rate = 5 } #",
            "{ max_order_rate = 4 } #",
        ),
        ({"deployment.state": "running"}, '"quotes"\n', '"quotes"\nstate = "running"\n'),
        ({"params.new": "7"}, "quiet = false\n", "quiet = false\nnew = 7\n"),
        ({"operator.on_stop": "cancel"}, "]\n", ']\n\n[operator]\non_stop = "cancel"\n'),
    ],
)
def test_one_key_changes_and_every_other_byte_stays(
    settings: dict[str, str], before: str, after: str
) -> None:
    new, changes = edit(FILE, list(settings.items()), [])
    head, _, tail = FILE.rpartition(before) if before == "]\n" else FILE.partition(before)
    assert new == head + after + tail
    assert [change.key for change in changes] == list(settings)


@given(st.text())
def test_any_text_is_kept_as_it_is(text: str) -> None:
    """Quotes, line breaks, control characters: what was typed is what the file says, and nothing else moves."""
    new, _ = edit(FILE, [("deployment.description", text)], [])
    head, _, tail = FILE.partition('"quotes"')
    assert new.startswith(head)
    assert new.endswith(tail)
    read = tomllib.loads(new)
    assert read.pop("deployment") == {"name": "my-mm", "description": text}
    assert {"deployment": tomllib.loads(FILE)["deployment"], **read} == tomllib.loads(FILE)


@pytest.mark.parametrize(
    ("removals", "gone"),
    [
        (["risk.max_position_1e8"], ["max_position_1e8 = 200_000_000\n"]),
        (["instances.maker.risk"], ["risk = { max_order_rate = 5 } # tighter\n"]),
        (["params.half", "params.quiet"], ["half = 0.5\nquiet = false\n"]),
        (["deployment.state"], []),
    ],
)
def test_a_key_goes_and_every_other_line_stays(removals: list[str], gone: list[str]) -> None:
    expected = FILE
    for text in gone:
        expected = expected.replace(text, "", 1)
    assert edit(FILE, [], removals)[0].replace("\n\n\n", "\n\n") == expected


def test_instances_that_go_do_not_move_the_others_under_a_wish() -> None:
    new, _ = edit(FILE, [("instances.hedger.venue", "kraken")], ["instances.maker"])
    assert [(i["label"], i["venue"]) for i in tomllib.loads(new)["instances"]] == [("hedger", "kraken")]


def test_the_same_value_is_no_change() -> None:
    settings = [("risk.max_order_rate", "20"), ("risk.max_position_1e8", "200000000")]
    assert edit(FILE, settings, []) == (FILE, [])


def test_inline_instances_and_dotted_keys_are_edited_too() -> None:
    text = 'deployment.name = "a"\nrisk.max_order_rate = 1 # one\ninstances = [{ venue = "kraken", symbols = ["X"] }]\n'
    new, _ = edit(text, [("risk.max_order_rate", "2"), ("instances.main.venue", "okx")], [])
    assert new == text.replace("= 1 #", "= 2 #").replace("kraken", "okx")


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("risk.max_ordr_rate", "1", "did you mean max_order_rate?"),
        ("risk.max_order_rate", "1.5", "is a whole number"),
        ("operator.suspend", "yes", "is true or false"),
        ("risk", "1", "is a table"),
        ("instances.makr.venue", "x", "did you mean maker?"),
        ("instances.venue", "x", "no instance has the label 'venue'"),
        ("instances.maker.colour", "x", "an instance has no key 'colour'"),
        ("deployment.name.first", "x", "deployment.name is no table"),
        ("params.size", "1.5", "--unset it and set it anew"),
        ("params.spread.bps", "1.5", "is a whole number of basis points"),
        ("params.size.bps", "4", "holds no basis points"),
        ("params.spread.pips", "1", "a parameter's name has no dot"),
        ("params.new", "fast", "is no value of TOML"),
        ("params.new", "1\nmore = 2", "is no value of TOML"),
        ("mesh.routes", "maker", "is a list"),
    ],
)
def test_a_key_or_value_that_cannot_be_meant(key: str, value: str, says: str) -> None:
    with pytest.raises(KeyMistakeError) as caught:
        edit(FILE, [(key, value)], [])
    assert says in str(caught.value)


@pytest.fixture
def file() -> Path:
    path = Path("Sequence.toml")
    path.write_text(FILE)
    path.chmod(0o640)
    return path


def test_the_command_shows_old_and_new_and_keeps_the_mode(cli: Cli, file: Path) -> None:
    done = cli("set", "risk.max_order_rate", "10", "params.size", "-5", "--unset", "deployment.description")
    assert done.code == 0, done.err
    assert [line.split() for line in done.out.splitlines()] == [
        ["risk.max_order_rate", "20", "→", "10"],
        ["params.size", "3", "→", "-5"],
        ["deployment.description", '"quotes"', "→", "not", "set"],
    ]
    assert file.stat().st_mode & 0o777 == 0o640
    assert list(Path().iterdir()) == [file]
    told = json.loads(cli("set", "risk.max_order_rate", "9", "-o", "json").out)
    assert told["changes"] == [{"key": "risk.max_order_rate", "old": "10", "new": "9"}]
    assert cli("set", "risk.max_order_rate", "9").out == "Sequence.toml says so already\n"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["risk.max_order_rate", "3"], "may only tighten risk.max_order_rate = 3"),
        (["deployment.name", "no spaces please"], "Sequence.toml:3:8"),
        (["instances.maker.label", "hedger"], "is taken by the instance"),
        (["deployment.state", "maybe"], "running"),
        (["--unset", "instances.maker.venue"], "venue"),
        (["risk.max_order_rate"], "has no value"),
        (["risk.max_order_rate", "3", "--unset", "risk.max_order_rate"], "is named twice"),
        (["--fil", "x"], "no such option"),
        ([], "name at least one KEY"),
        (["deployment.description", "caf\udce9"], "is not UTF-8"),
        (["risk.max_order_rate", "1", "--file", "nowhere.toml"], "there is no nowhere.toml"),
    ],
)
def test_nothing_is_written_unless_the_whole_is_valid(
    cli: Cli, file: Path, args: list[str], says: str
) -> None:
    done = cli("set", *args)
    assert done.code == 2
    assert says in done.err, done.err
    assert file.read_text() == FILE


def test_what_belongs_together_is_set_together(cli: Cli, file: Path) -> None:
    done = cli("set", "risk.max_order_rate", "3", "instances.maker.risk.max_order_rate", "2")
    assert done.code == 0, done.err


def test_slots_that_move_are_said(cli: Cli, file: Path) -> None:
    done = cli("set", "--unset", "params.spread")
    assert "warning: the slots of these parameters move up by the removal: half, quiet" in done.err


def test_a_link_stays_a_link(cli: Cli, file: Path) -> None:
    link = Path("link.toml")
    link.symlink_to(file)
    assert cli("set", "params.size", "8", "--file", "link.toml").code == 0
    assert link.is_symlink()
    assert "size = 8" in file.read_text()
