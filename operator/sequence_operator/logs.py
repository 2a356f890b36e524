"""Log lines: JSON unless a person watches, and no secret in any of them."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import Iterator, MutableMapping
from typing import Any

_SECRET_VALUE = re.compile(
    r"seq_(?:live|test)_[0-9A-Za-z]+|sk_live_[0-9A-Za-z]+|(?i:bearer)\s+[\w.~+/=-]{8,}"
)
_SECRET_NAME = re.compile(r"(?i)(api_?key|token|secret|password|authorization|credential)s?$")
_HIDDEN = "[redacted]"


def redact(value: Any) -> Any:  # noqa: ANN401 -- whatever is logged
    """The value with every platform key and bearer token in its texts replaced; containers are walked."""
    if isinstance(value, str):
        return _SECRET_VALUE.sub(_HIDDEN, value)
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, dict):
        return {
            key: _HIDDEN if isinstance(key, str) and _SECRET_NAME.search(key) else redact(part)
            for key, part in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(part) for part in value]
    return value


def redact_event(
    logger: Any,  # noqa: ANN401 -- structlog's own signature
    method: str,
    event: MutableMapping[str, Any],
) -> MutableMapping[str, Any]:
    """structlog processor: `redact` for the whole line, the text of exceptions included."""
    for key, value in event.items():
        if key in ("exc_info", "_record", "_from_structlog"):
            continue
        event[key] = _HIDDEN if _SECRET_NAME.search(key) else redact(value)
    return event


def configure(log_format: str = "auto", level: str = "info") -> None:
    """Send structlog and the standard library's loggers (kopf, aiohttp) to stderr in one form."""
    console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    with contextlib.nullcontext() if console else _without_rich():
        import structlog

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(allow=[]),
    ]
    final: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if not console:
        final.append(structlog.processors.format_exc_info)
    renderer = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[*final, redact_event, renderer]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("httpx", "httpcore", "aiohttp.access", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # one line per watch event says nothing
    structlog.configure(
        processors=[*shared[:4], structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        cache_logger_on_first_use=True,
    )


@contextlib.contextmanager
def _without_rich() -> Iterator[None]:
    """As if rich were not there: structlog loads it for tracebacks on a console, a tenth of the operator's start."""
    if "rich" in sys.modules:
        yield
        return
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["rich"]
