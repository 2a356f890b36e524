"""Did-you-mean: the word somebody probably wanted to write."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def _plain(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")


def closest(word: str, known: Iterable[str], cutoff: float = 0.65) -> str | None:
    """The known word nearest to `word`, regardless of case and of `_` and `-`; None when none is near."""
    by_plain = {_plain(candidate): candidate for candidate in known}
    found = difflib.get_close_matches(_plain(word), list(by_plain), n=1, cutoff=cutoff)
    return by_plain[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str], quote: str = "") -> str:
    """`: did you mean X?`, or nothing. `quote` goes around X."""
    found = closest(word, known)
    return f": did you mean {quote}{found}{quote}?" if found else ""
