"""httpx without its command line, which loads click, pygments and rich at import: as if those were not installed."""

from __future__ import annotations

import sys

sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
try:
    import httpx
finally:
    if sys.modules["httpx._main"] is None:
        del sys.modules["httpx._main"]

__all__ = ["httpx"]
