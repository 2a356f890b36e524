"""What `/` takes, as in k9s: a regular expression, `!` for its opposite, `-l` a label, `-f` letters in order."""

import re
from collections.abc import Callable
from dataclasses import dataclass

_SHOWS_ALL: Callable[[str, str], bool] = lambda text, label: True  # noqa: E731  # a named function says no more


@dataclass(frozen=True, slots=True)
class Filter:
    """`text`: as typed. `problem`: why it cannot be used, then everything is shown."""

    text: str = ""
    problem: str = ""
    _fits: Callable[[str, str], bool] = _SHOWS_ALL

    def fits(self, text: str, label: str = "") -> bool:
        """Whether a row is shown. text: all its words; label: the instance it is about."""
        return self._fits(text, label)


def parse(typed: str) -> Filter:
    """From what a person typed; a bad expression is a `problem`, never an exception."""
    words = typed.strip()
    if not words:
        return Filter()
    if words.startswith("-l "):
        wanted = words[3:].strip()
        return Filter(words, "", lambda text, label: label == wanted)
    if words.startswith("-f "):
        letters = words[3:].strip().lower()
        return Filter(words, "", lambda text, label: _in_order(letters, text.lower()))
    inverse = words.startswith("!")
    try:
        pattern = re.compile(words[1:] if inverse else words, re.IGNORECASE)
    except re.error as error:
        return Filter(words, f"not a regular expression: {error}")
    return Filter(words, "", lambda text, label: (pattern.search(text) is None) == inverse)


def _in_order(letters: str, text: str) -> bool:
    rest = iter(text)
    return all(letter in rest for letter in letters)
