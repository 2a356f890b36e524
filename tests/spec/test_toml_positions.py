"""The scanner of key positions finds exactly the key paths that tomli finds, each where it stands."""

from __future__ import annotations

import json
import re

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from sequence_operator.spec.toml_positions import Position, scan

# -- documents that tomli accepts ---------------------------------------------------------------------------------

BARE = st.text("abcxyz019-_", min_size=1, max_size=4)
CHARACTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\x7f")
TEXT = st.text(CHARACTERS | st.sampled_from("#\"'=[]{}.,\\\t\n é日"), max_size=8)
BLANK = st.sampled_from(["", " ", "\t", "  "])
COMMENT = st.builds(lambda text: "#" + text, st.text(CHARACTERS | st.sampled_from("\"'[]{}=#"), max_size=6))
GAP = st.lists(st.sampled_from([" ", "\n", "\t", "\r\n"]) | COMMENT.map(lambda c: c + "\n"), max_size=3).map(
    "".join
)


def basic(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def literal(text: str) -> str:
    return "'" + re.sub("['\n\r]", "", text) + "'"


def multi_basic(text: str, tail: int) -> str:
    inner = basic(text)[1:-1].replace('\\"', '"').replace("\\n", "\n")
    inner = re.sub('"{3,}', '""', inner)
    return '"""' + inner.rstrip('"') + '"' * tail + '"""'


def multi_literal(text: str, tail: int) -> str:
    return "'''" + re.sub("'{3,}", "''", text).rstrip("'") + "'" * tail + "'''"


KEY_PART = st.one_of(BARE, BARE, TEXT.map(basic), TEXT.map(literal))
KEY = st.lists(KEY_PART, min_size=1, max_size=3).flatmap(
    lambda parts: st.builds(lambda a, b: f"{a}.{b}".join(parts), BLANK, BLANK)
)
TAIL = st.integers(0, 2)
SCALAR = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.sampled_from(["0x1f", "1_000", "1.5", "-2e3", "inf", "true", "false"]),
    st.sampled_from(["1979-05-27", "1979-05-27 07:32:00", "1979-05-27T07:32:00Z", "07:32:00.5"]),
    TEXT.map(basic),
    TEXT.map(literal),
    st.builds(multi_basic, TEXT, TAIL),
    st.builds(multi_literal, TEXT, TAIL),
)


def array(items: list[str], gaps: list[str], trailing: bool) -> str:
    inner = ",".join(gaps[0] + item + gaps[1] for item in items)
    return "[" + inner + ("," if items and trailing else "") + gaps[2] + "]"


def inline_table(pairs: list[tuple[str, str]], gaps: list[str], trailing: bool) -> str:
    return "{" + array([f"{key} = {value}" for key, value in pairs], gaps, trailing)[1:-1] + "}"


VALUE = st.recursive(
    SCALAR,
    lambda inner: st.one_of(
        st.builds(array, st.lists(inner, max_size=3), st.lists(GAP, min_size=3, max_size=3), st.booleans()),
        st.builds(
            inline_table,
            st.lists(st.tuples(KEY, inner), max_size=3),
            st.lists(GAP, min_size=3, max_size=3),
            st.booleans(),
        ),
    ),
    max_leaves=5,
)
STATEMENT = st.one_of(
    st.builds(lambda key, a, b, value: f"{key}{a}={b}{value}", KEY, BLANK, BLANK, VALUE),
    st.builds(lambda key, a: f"[{a}{key}{a}]", KEY, BLANK),
    st.builds(lambda key, a: f"[[{a}{key}{a}]]", KEY, BLANK),
    COMMENT,
)


def accepted(text: str) -> bool:
    try:
        tomli.loads(text)
    except ValueError:
        return False
    return True


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Statements one after the other, each kept when tomli takes the document with it."""
    text = ""
    for statement in draw(st.lists(STATEMENT, max_size=8)):
        longer = text + draw(BLANK) + statement + draw(BLANK) + draw(st.sampled_from(["\n", "\r\n", "\n\n"]))
        if accepted(longer):
            text = longer
    return text.rstrip("\n\r") if draw(st.booleans()) else text


# -- what must hold -----------------------------------------------------------------------------------------------


def paths(value: object, path: tuple[str | int, ...] = ()):
    """Path and value of every key of every table and every element of every array."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield (*path, key), child
        yield from paths(child, (*path, key))


def offset(text: str, at: Position) -> int:
    lines = text.split("\n")
    return sum(len(line) + 1 for line in lines[: at.line - 1]) + at.column - 1


KEY_TOKEN = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'""")


def key_at(text: str, at: Position) -> str:
    token = KEY_TOKEN.match(text, offset(text, at))
    assert token, f"no key at {at}"
    (key,) = tomli.loads(f"{token[0]} = 0")
    return key


def stands_at(text: str, start: int, value: object) -> bool:
    """Whether a text that means `value` begins there."""
    for end in range(start + 1, len(text) + 1):
        source = f"k = {text[start:end]}"
        if accepted(source) and tomli.loads(source) == {"k": value}:
            return True
    return False


@settings(max_examples=120, deadline=None)
@given(documents())
def test_exactly_the_key_paths_of_tomli(text):
    assert set(scan(text)) == {path for path, _ in paths(tomli.loads(text))}


@settings(max_examples=100, deadline=None)
@given(documents())
def test_every_key_and_value_stands_where_it_is_said_to(text):
    places, text = scan(text), text.replace("\r\n", "\n")
    for path, value in paths(tomli.loads(text)):
        place = places[path]
        if isinstance(path[-1], str):
            assert key_at(text, place.key) == path[-1]
        if not isinstance(value, dict | list):
            assert stands_at(text, offset(text, place.value), value)
        elif place.value != place.key:
            assert text[offset(text, place.value)] in "[{"


TABLES = """\
# a comment with "quotes" and [brackets]
top = 1
[a.b]  # comes before its parent
x.y = "dotted"
[a]
"quo ted" = '''
[not.a.table]
k = "no"''' # end
[[list]]
n = 1
[list.sub]
m = [
  1, # one
  "]", { in = { line = true } },
]
[[list]]
'é日' = 2
  [[list.deep]]
  \ty = 3
"""


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("top",), (2, 1), (2, 7)),
        (("a",), (5, 2), (5, 2)),
        (("a", "b"), (3, 4), (3, 4)),
        (("a", "b", "x"), (4, 1), (4, 1)),
        (("a", "b", "x", "y"), (4, 3), (4, 7)),
        (("a", "quo ted"), (6, 1), (6, 13)),
        (("list",), (9, 3), (9, 3)),
        (("list", 0), (9, 3), (9, 3)),
        (("list", 1), (16, 3), (16, 3)),
        (("list", 0, "sub"), (11, 7), (11, 7)),
        (("list", 0, "sub", "m", 1), (14, 3), (14, 3)),
        (("list", 0, "sub", "m", 2, "in", "line"), (14, 17), (14, 24)),
        (("list", 1, "é日"), (17, 1), (17, 8)),
        (("list", 1, "deep", 0, "y"), (19, 4), (19, 8)),
    ],
)
def test_places_of_a_document(path, key, value):
    place = scan(TABLES)[path]
    assert (place.key.line, place.key.column) == key
    assert (place.value.line, place.value.column) == value
