"""Editing the text of a `Sequence.toml` so that comments, order and spelling of everything else stay as they are."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tomli

from sequence_operator.cli import file_keys
from sequence_operator.cli.file_keys import Key, KeyMistakeError, Part


@dataclass(frozen=True, slots=True)
class Change:
    """One key before and after, as TOML; None: not there."""

    key: str
    old: str | None
    new: str | None


def edit(text: str, settings: Sequence[tuple[str, str]], removals: Sequence[str]) -> tuple[str, list[Change]]:
    """The text with keys set to values and others removed, and what changed (equal values are no change).

    Types come from the file's schema; whether the whole makes sense is for the reader of the file to say.
    Raises KeyMistakeError, also when this form of TOML cannot be edited without touching something else, and
    tomli.TOMLDecodeError when the text is none.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    before = tomli.loads(text)
    wishes: list[Wish] = []
    for typed, said in settings:
        key = file_keys.find(typed, before)
        wishes.append((key, _toml(key, said, before)))
    wishes += [(file_keys.find(typed, before), None) for typed in removals]
    expected = copy.deepcopy(before)
    document = tomlkit.parse(text if text.endswith("\n") else f"{text}\n")
    changes = []
    try:
        for key, wanted in _in_order(wishes):
            change = _apply(document, expected, key, wanted)
            if change is not None:
                changes.append(change)
        after = tomlkit.dumps(document)
        faithful = tomli.loads(after) == expected
    except (TOMLKitError, tomli.TOMLDecodeError, KeyError, TypeError, ValueError, IndexError) as problem:
        if isinstance(problem, KeyMistakeError):
            raise
        faithful = False
    if not faithful:
        raise KeyMistakeError(
            "the file is written in a form that cannot be edited safely here: edit it by hand"
        )
    return (after, changes) if changes else (text, [])


Wish = tuple[Key, str | None]


def _in_order(wishes: list[Wish]) -> list[Wish]:
    """As given; instances that go away last, and the last of them first, for the others go by their index."""
    whole = [w for w in wishes if w[1] is None and isinstance(w[0].path[-1], int)]
    others = [w for w in wishes if w not in whole]
    return others + sorted(whole, key=lambda w: w[0].path[-1], reverse=True)


def _toml(key: Key, said: str, document: dict[str, Any]) -> str:
    """The value as TOML, proven to be exactly one value."""
    written = file_keys.value(key, said, document)
    try:
        found = tomli.loads(f"v = {written}\n")
    except tomli.TOMLDecodeError:
        found = {}
    if set(found) != {"v"}:
        raise KeyMistakeError(f"{key.typed}: {said!r} is no value of TOML; text goes in quotes")
    return written


def _apply(document: Any, expected: Any, key: Key, wanted: str | None) -> Change | None:  # noqa: ANN401
    """Carry out one wish on the text (`document`) and on its plain meaning (`expected`); None: nothing to do."""
    import tomlkit

    old = file_keys.at(expected, key.path)
    if wanted is None:
        if old is None:
            return None
        gone = _shown(document, key.path)
        for tree in (document, expected):
            del _parent(tree, key.path)[key.path[-1]]
        return Change(key.typed, gone, None)
    meaning = tomli.loads(f"v = {wanted}\n")["v"]
    if type(old) is type(meaning) and old == meaning:
        return None
    shown = _shown(document, key.path) if old is not None else None
    _put(_table(document, key.path), str(key.path[-1]), tomlkit.value(wanted))
    _parent(expected, key.path, create=True)[key.path[-1]] = meaning
    return Change(key.typed, shown, wanted)


def _parent(tree: Any, path: tuple[Part, ...], *, create: bool = False) -> Any:  # noqa: ANN401
    for part in path[:-1]:
        if create and isinstance(part, str) and part not in tree:
            tree[part] = {}
        tree = tree[part]
    return tree


def _table(document: Any, path: tuple[Part, ...]) -> Any:  # noqa: ANN401
    """The table that holds the last key; made where it is missing: `[risk]` at the end, or inline in an instance."""
    import tomlkit

    node = document
    for depth, part in enumerate(path[:-1]):
        if isinstance(part, str) and part not in node:
            if depth:
                node[part] = tomlkit.inline_table()
            else:
                document.add(tomlkit.nl())
                document.add(part, tomlkit.table())
        node = node[part]
    return node


def _put(table: Any, name: str, item: Any) -> None:  # noqa: ANN401
    """Set a key; a new one goes below the last of the table, above the comments that belong to the next one."""
    from tomlkit.items import AoT, Table

    body = table.value.body if isinstance(table, Table) else ()
    keys = [key for key, held in body if key is not None and not isinstance(held, Table | AoT)]
    if name in table or not keys:
        table[name] = item
    else:
        table.value._insert_after(keys[-1], name, item)  # tomlkit's own way has no public name


def _shown(document: Any, path: tuple[Part, ...]) -> str:  # noqa: ANN401
    """The value as the file spells it; of a table, that it is one."""
    item = _parent(document, path)[path[-1]]
    spelled = item.as_string().strip() if hasattr(item, "as_string") else str(item)
    return "(a table)" if (isinstance(item, dict) and "\n" in spelled) or not spelled else spelled
