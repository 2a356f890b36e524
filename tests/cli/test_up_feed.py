"""What `sequence up --feed` takes, and where a recording is looked for."""

from pathlib import Path

import pytest

from sequence_operator.cli import up_feed
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.local.options import Options
from sequence_operator.local.paper import Paper
from sequence_operator.local.ports import hold


@pytest.mark.parametrize(
    ("feed", "record", "simulated", "what", "code"),
    [
        ("dead", None, False, "there is no feed 'dead'", ExitCode.USAGE),
        ("live:ws://x", None, False, "there is no feed 'live:ws://x'", ExitCode.USAGE),
        (
            "replay:./absent.feed.zst",
            None,
            True,
            "there is no recording ./absent.feed.zst",
            ExitCode.NOT_FOUND,
        ),
        (
            "live",
            None,
            True,
            "a live feed goes at the pace of time and has no gate and no end",
            ExitCode.USAGE,
        ),
        ("generated", Path("x"), False, "only a live feed can be recorded", ExitCode.USAGE),
    ],
)
def test_what_no_edge_would_take(
    feed: str, record: Path | None, simulated: bool, what: str, code: ExitCode
) -> None:
    with pytest.raises(CliError) as refused:
        up_feed.check(feed, record, simulated=simulated)
    assert (refused.value.what, refused.value.code) == (what, code)
    assert refused.value.hint.startswith("sequence up --feed ")


@pytest.mark.parametrize("feed", ["generated", "live", "replay", "replay:bitstamp-btcusd"])
def test_what_edges_take(feed: str) -> None:
    up_feed.check(feed, None, simulated=False)
    assert up_feed.absolute(feed) == feed


def test_a_recording_is_named_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.feed.zst").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert up_feed.absolute("replay:a.feed.zst") == f"replay:{tmp_path}/a.feed.zst"
    up_feed.check("replay:./a.feed.zst", None, simulated=True)


def test_a_live_feed_is_every_venues_and_a_recording_the_firsts() -> None:
    live, replay = Options(feed="live"), Options(feed="replay")
    assert [live.feed_of(venue) for venue in live.venues] == ["live", "live"]
    assert [replay.feed_of(venue) for venue in replay.venues] == ["replay", "generated"]


@pytest.mark.parametrize("latency", ["none", "venue", "constant:5", "constant:1,2.5,3"])
def test_what_edges_take_as_latency(latency: str) -> None:
    up_feed.check_latency(latency)
    assert up_feed.absolute_table(latency) == latency


@pytest.mark.parametrize(
    "latency", ["", "slow", "constant:", "constant:1,2", "constant:-1", "table:/no/such"]
)
def test_what_no_edge_takes_as_latency(latency: str) -> None:
    with pytest.raises(CliError) as refused:
        up_feed.check_latency(latency)
    assert refused.value.hint == "sequence up --latency venue"


def test_a_table_of_latencies_is_named_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    up_feed.check_latency("table:t.json")
    assert up_feed.absolute_table("table:t.json") == f"table:{tmp_path}/t.json"


def test_every_edge_is_told_the_latency_and_the_fees(tmp_path: Path) -> None:
    paper = Paper(tmp_path, Options(latency="venue", fees="tiers"))
    paper._held = {"api": hold(), "bus": hold()}
    for part in paper.edge_parts("key"):
        assert part.argv[part.argv.index("--latency") + 1] == "venue"
        assert part.argv[part.argv.index("--fees") + 1] == "tiers"
    paper.close()


@pytest.mark.parametrize("fees", ["", "free", "table:", "table:/no/such"])
def test_what_no_edge_takes_as_fees(fees: str) -> None:
    with pytest.raises(CliError) as refused:
        up_feed.check_fees(fees)
    assert refused.value.hint == "sequence up --fees tiers"
