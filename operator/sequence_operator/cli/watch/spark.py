"""A row of bars for numbers over time, in Unicode blocks or plain ASCII."""

from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=+*#%"


def sparkline(values: Sequence[float | None], width: int, *, unicode: bool = True) -> str:
    """The newest `width` values, oldest first; a gap (None) is a space. The scale runs from 0 to the greatest shown."""
    if width <= 0:
        return ""
    shown = list(values)[-width:]
    known = [value for value in shown if value is not None]
    if not known:
        return " " * width
    top = max(known)
    bars = _BLOCKS if unicode else _ASCII
    text = "".join(" " if value is None else bars[_step(value, top, len(bars))] for value in shown)
    return text.rjust(width)


def _step(value: float, top: float, steps: int) -> int:
    return 0 if top <= 0 else min(steps - 1, int(max(0.0, value) / top * (steps - 1) + 0.5))
