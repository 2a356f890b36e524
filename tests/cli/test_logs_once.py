"""Each record of a followed log is printed once, whether or not the platform numbers them."""

from __future__ import annotations

import json

from sequence_operator.cli.logs import Printed


def record(text: str, seq: int | None = None, ts_ns: int = 1) -> dict[str, object]:
    numbered = {} if seq is None else {"seq": seq}
    return {**numbered, "ts_ns": ts_ns, "level": "INFO", "label": "main", "message": text}


def messages(text: str) -> list[str]:
    return [json.loads(line)["message"] for line in text.splitlines()]


def test_numbered_records_are_known_by_their_number(capsys):
    printed = Printed(as_json=True)
    printed.show([record("second", 2), record("first", 1)])
    printed.show([record("second", 2), record("third", 3)])
    assert messages(capsys.readouterr().out) == ["first", "second", "third"]


def test_a_platform_without_numbers_may_send_its_last_lines_again(capsys):
    printed = Printed(as_json=True)
    printed.show([record("a", ts_ns=1), record("b", ts_ns=2)])
    printed.show([record("b", ts_ns=2), record("c", ts_ns=3)])
    printed.show([record("b", ts_ns=2), record("c", ts_ns=3)])
    assert messages(capsys.readouterr().out) == ["a", "b", "c"]


def test_it_says_whether_there_was_anything(capsys):
    printed = Printed(as_json=False)
    printed.show([])
    assert not printed.any
    printed.show([record("x", 1)])
    assert printed.any
    assert "INFO" in capsys.readouterr().out
