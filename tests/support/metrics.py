"""Reading `/metrics`."""

from __future__ import annotations

import urllib.request


def metric(base: str, name: str, **labels: str) -> float:
    """Sum of a metric's samples with these labels, of the process at `base`."""
    with urllib.request.urlopen(f"{base}/metrics", timeout=5) as answer:
        return total(answer.read().decode(), name, **labels)


def total(text: str, name: str, **labels: str) -> float:
    """The same in a text."""
    found = 0.0
    for line in text.splitlines():
        if line.startswith((f"{name}{{", f"{name} ")) and all(
            f'{k}="{v}"' in line for k, v in labels.items()
        ):
            found += float(line.rsplit(" ", 1)[1])
    return found
