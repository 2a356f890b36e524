"""Where every key and value of a TOML document is.

tomli reports positions of syntax errors only. This scanner walks a document that tomli has already accepted, so it
may be lenient: it finds places, it does not judge. It finds exactly the paths of tomli's result: one for every key of
every table and one for every element of every array.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import tomli

Path = tuple[str | int, ...]

_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_BLANK = " \t"
_SPACE = " \t\n"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """`line` and `column` count from 1; columns count characters (a tab is one)."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key and its value begin. An array element has no key: both are where it begins.

    A table made by a header (`[a.b]`, `[[a]]`) or by a dotted key has both at its part of that key.
    """

    key: Position
    value: Position


def scan(text: str) -> dict[Path, Place]:
    """Places of a document by path: `("risk", "max_order_rate")`, `("instances", 0, "symbols", 1)`.

    text: what `tomli.loads` accepted. Lines end at LF or CR LF, as tomli has them.
    """
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return scanner.places


def last_statement(text: str) -> Position:
    """Where the last header or key/value pair begins, in the beginning of a document up to a key given twice."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.statement


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0
        self.statement = Position(1, 1)
        self.places: dict[Path, Place] = {}
        self._line_starts = [0, *(i + 1 for i, char in enumerate(text) if char == "\n")]
        self._tables: dict[Path, int] = {}  # arrays of tables: how many elements so far

    def document(self) -> None:
        table: Path = ()
        while self._more():
            self.statement = self._here()
            if self.text[self.pos] == "[":
                table = self._header()
            else:
                self._key_value(table)

    # -- parts of a document ----------------------------------------------------------------------------------

    def _header(self) -> Path:
        """`[a.b]` or `[[a.b]]`; returns the path of the table that follows."""
        brackets = 2 if self.text.startswith("[[", self.pos) else 1
        self.pos += brackets
        keys = self._key()
        self._skip(_BLANK)
        self.pos += brackets
        path: Path = ()
        for part, at in keys[:-1]:
            path = self._inside((*path, part), at)
        part, at = keys[-1]
        path = (*path, part)
        place = Place(at, at)
        if brackets == 1:
            self.places[path] = place  # also where a header of a sub-table mentioned it before
            return path
        self.places.setdefault(path, place)
        path = (*path, self._tables.setdefault(path, 0))
        self._tables[path[:-1]] += 1
        self.places[path] = place
        return path

    def _inside(self, path: Path, at: Position) -> Path:
        """A leading part of a header or dotted key: the table it names, or the last one of an array of tables."""
        self.places.setdefault(path, Place(at, at))
        count = self._tables.get(path, 0)
        return (*path, count - 1) if count else path

    def _key_value(self, table: Path) -> None:
        keys = self._key()
        self._skip(_BLANK)
        self.pos += 1  # the equals sign
        self._skip(_BLANK)
        path = table
        for part, at in keys[:-1]:
            path = (*path, part)
            self.places.setdefault(path, Place(at, at))
        part, at = keys[-1]
        path = (*path, part)
        self.places[path] = Place(at, self._here())
        self._value(path)

    def _key(self) -> list[tuple[str, Position]]:
        """`a."b c".'d'` → each part with its position."""
        keys: list[tuple[str, Position]] = []
        while True:
            self._skip(_BLANK)
            at, start = self._here(), self.pos
            if self.text[start] in "\"'":
                self._string()
                keys.append((tomli.loads(f"k = {self.text[start : self.pos]}")["k"], at))
            else:
                while self.pos < len(self.text) and self.text[self.pos] in _BARE:
                    self.pos += 1
                keys.append((self.text[start : self.pos], at))
            self._skip(_BLANK)
            if not self.text.startswith(".", self.pos):
                return keys
            self.pos += 1

    def _value(self, path: Path) -> None:
        first = self.text[self.pos]
        if first in "\"'":
            self._string()
        elif first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        else:  # numbers, booleans, dates (which may hold one blank)
            while self.pos < len(self.text) and self.text[self.pos] not in ",]}#\n":
                self.pos += 1

    def _array(self, path: Path) -> None:
        self.pos += 1
        index = 0
        while self._more() and self.text[self.pos] != "]":
            self.places[(*path, index)] = Place(self._here(), self._here())
            self._value((*path, index))
            index += 1
            self._comma()
        self.pos += 1

    def _inline_table(self, path: Path) -> None:
        self.pos += 1
        while self._more() and self.text[self.pos] != "}":
            self._key_value(path)
            self._comma()
        self.pos += 1

    def _comma(self) -> None:
        if self._more() and self.text[self.pos] == ",":
            self.pos += 1

    def _string(self) -> None:
        """Move behind the string that begins here, of any of the four kinds."""
        quote = self.text[self.pos]
        triple = self.text.startswith(quote * 3, self.pos)
        end = quote * 3 if triple else quote
        self.pos += len(end)
        while not self.text.startswith(end, self.pos):
            self.pos += 2 if quote == '"' and self.text[self.pos] == "\\" else 1
        self.pos += len(end)
        if triple:  # one or two quotes may stand directly before the closing three
            for _ in range(2):
                self.pos += self.text.startswith(quote, self.pos)

    # -- moving -----------------------------------------------------------------------------------------------

    def _skip(self, chars: str) -> None:
        while self.pos < len(self.text) and self.text[self.pos] in chars:
            self.pos += 1

    def _more(self) -> bool:
        """Skip blanks, line ends and comments; whether anything is left."""
        self._skip(_SPACE)
        while self.text.startswith("#", self.pos):
            end = self.text.find("\n", self.pos)
            self.pos = len(self.text) if end < 0 else end
            self._skip(_SPACE)
        return self.pos < len(self.text)

    def _here(self) -> Position:
        line = bisect_right(self._line_starts, self.pos)
        return Position(line, self.pos - self._line_starts[line - 1] + 1)
