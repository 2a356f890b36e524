"""Nothing that leaves this room may carry an API key, not even an error text in which the platform repeats it."""

from __future__ import annotations

import re

_KEY = re.compile(r"\b(seq_live_|seq_test_|sk_live_)[0-9A-Za-z]{4,}")
_BEARER = re.compile(r"(?i)\b(bearer\s+)\S+")


class Secret:
    """A key that shows itself only to `reveal`; equal keys are equal, so that a changed one is noticed."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    @property
    def usable(self) -> bool:
        """Whether it can stand in a header."""
        value = self._value
        return bool(value) and value.isascii() and value.isprintable() and " " not in value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret is not pickled")


def redact(text: str, secret: Secret | None = None) -> str:
    """`text` without the given key and without anything that looks like one."""
    if secret is not None and secret.reveal():
        text = text.replace(secret.reveal(), "…")
    text = _KEY.sub(r"\1…", text)
    return _BEARER.sub(r"\1…", text)
