"""Patterns of an AlgoSource against paths of a repository."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_operator.spec.globs import matches

CASES = [
    ("**/Sequence.toml", "Sequence.toml", True),
    ("**/Sequence.toml", "a/Sequence.toml", True),
    ("**/Sequence.toml", "a/b/c/Sequence.toml", True),
    ("**/Sequence.toml", "a/NotSequence.toml", False),
    ("**/Sequence.toml", "a/Sequence.toml.bak", False),
    ("Sequence.toml", "Sequence.toml", True),
    ("Sequence.toml", "a/Sequence.toml", False),
    ("algos/*/Sequence.toml", "algos/mm/Sequence.toml", True),
    ("algos/*/Sequence.toml", "algos/Sequence.toml", False),
    ("algos/*/Sequence.toml", "algos/mm/deep/Sequence.toml", False),
    ("algos/**", "algos/mm/Sequence.toml", True),
    ("algos/**", "algos/mm/deep/Sequence.toml", True),
    ("algos/**", "algos", False),
    ("algos/**/Sequence.toml", "algos/Sequence.toml", True),
    ("live", "live/mm/Sequence.toml", True),
    ("live/", "live/mm/Sequence.toml", True),
    ("live", "lively/mm/Sequence.toml", False),
    ("./live/*", "live/mm/Sequence.toml", True),
    ("/live", "live/mm/Sequence.toml", True),
    ("*/sandbox", "eu/sandbox/mm/Sequence.toml", True),
    ("algos/[ab]*", "algos/beta/Sequence.toml", True),
    ("algos/[!ab]*", "algos/beta/Sequence.toml", False),
    ("algos/[!ab]*", "algos/gamma/Sequence.toml", True),
    ("algos/[z-a]", "algos/b/Sequence.toml", False),
    ("a?c/**", "abc/Sequence.toml", True),
    ("a?c/**", "a/c/Sequence.toml", False),
    ("a[/]c/**", "a/c/Sequence.toml", False),
    ("**/**/Sequence.toml", "x/Sequence.toml", True),
    (".hidden/**", ".hidden/Sequence.toml", True),
    ("**/Sequence.toml", "with\nnewline/Sequence.toml", True),
    ("a.c", "abc", False),
]


@pytest.mark.parametrize(("pattern", "path", "expected"), CASES)
def test_a_pattern_means_what_its_reader_expects(pattern: str, path: str, expected: bool) -> None:
    assert matches(path, [pattern]) is expected


def test_one_of_several_patterns_is_enough() -> None:
    assert matches("b/Sequence.toml", ["a/**", "b/**"])
    assert not matches("c/Sequence.toml", ["a/**", "b/**"])
    assert not matches("c/Sequence.toml", [])


_NAMES = st.sampled_from(["a", "b", "ab", "Sequence.toml", "a.b"])
_PARTS = st.sampled_from(["a", "b", "*", "?", "a*", "*b", "[ab]", "[!a]", "Sequence.toml", "**"])


@given(st.lists(_NAMES, min_size=1, max_size=4), st.lists(_PARTS, min_size=1, max_size=4))
def test_files_are_found_as_pathlib_finds_them(path: list[str], pattern: list[str]) -> None:
    if pattern[-1] == "**":
        pattern.append(
            "Sequence.toml"
        )  # whether a closing ** means files too changed between Python versions
    text, place = "/".join(path), "/".join(pattern)
    expected = any(_pathlib("/".join(path[:end]), pattern) for end in range(1, len(path) + 1))
    assert matches(text, [place]) is expected


def _pathlib(path: str, pattern: list[str]) -> bool:
    """`**` written out as none to four folders, each then matched by pathlib without one."""
    if "**" not in pattern:
        return len(pattern) == len(Path(path).parts) and Path(path).match("/".join(pattern))
    at = pattern.index("**")
    return any(_pathlib(path, [*pattern[:at], *["*"] * n, *pattern[at + 1 :]]) for n in range(5))


def test_a_hostile_pattern_does_not_go_through_all_combinations() -> None:
    hostile = "*a" * 30 + "b/" + "**/*a*/" * 30 + "x"
    assert not matches("a" * 500 + "/a" * 500, [hostile])  # with backtracking it would not end
