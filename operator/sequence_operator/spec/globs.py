"""Which paths of a repository the patterns of an AlgoSource mean.

A pattern is matched against the whole path from the repository's root, as `pathlib` and `.gitignore` do it:
`*` and `?` stay inside one name, `[ab]` is one of these characters, `**` as a whole name is any number of
folders, none included. A pattern that matches a folder means everything below it. Hidden names get no
special treatment. Matching takes at most length of path times length of pattern, for both are foreign.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

_Test = Callable[[str], bool]
_ANY_NUMBER = None  # stands in a list of tests for: any number of items, none included


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns means this path (relative, with `/`)."""
    names = path.split("/")
    return any(_run(_pattern(pattern), names) for pattern in patterns)


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> tuple[_Test | None, ...]:
    names = [name for name in pattern.split("/") if name not in ("", ".")]
    tests: list[_Test | None] = [_ANY_NUMBER if name == "**" else _name(name) for name in names]
    if tests and tests[-1] is _ANY_NUMBER:
        tests.insert(-1, lambda name: True)  # `algos/**` is what lies in that folder, not the folder
    return (*tests, _ANY_NUMBER)


def _run(tests: Sequence[_Test | None], items: Sequence[str]) -> bool:
    """Whether the items pass the tests in order; goes back to the last `_ANY_NUMBER` only."""
    at = item = 0
    star = resume = -1
    while item < len(items):
        test = tests[at] if at < len(tests) else None
        if at < len(tests) and test is _ANY_NUMBER:
            star, resume = at, item
            at += 1
        elif test is not None and test(items[item]):
            at, item = at + 1, item + 1
        elif star >= 0:
            resume += 1
            at, item = star + 1, resume
        else:
            return False
    return all(test is _ANY_NUMBER for test in tests[at:])


def _name(name: str) -> _Test:
    """The test of one name between two slashes."""
    tests: list[_Test | None] = []
    position = 0
    while position < len(name):
        character = name[position]
        position += 1
        if character == "*":
            tests.append(_ANY_NUMBER)
        elif character == "?":
            tests.append(lambda _: True)
        elif character == "[" and (end := _end_of_class(name, position)) > 0:
            tests.append(_class(name[position:end]))
            position = end + 1
        else:
            tests.append(character.__eq__)
    return lambda text: _run(tests, text)


def _end_of_class(name: str, start: int) -> int:
    """Where the `]` of a class that begins at `start` stands; one that comes first belongs to it. -1: none."""
    return name.find("]", start + 1 + name.startswith(("!", "^"), start))


def _class(inside: str) -> _Test:
    """What stands between `[` and `]`."""
    negated = inside.startswith(("!", "^"))
    inside = inside[1:] if negated else inside
    escaped = re.sub(r"([\\\[\]^&~|])", r"\\\1", inside)
    try:
        known = re.compile(f"[{escaped}]", re.DOTALL)
    except re.error:  # such as [z-a], which holds no character
        return lambda _: negated
    return lambda character: (known.match(character) is not None) is not negated
