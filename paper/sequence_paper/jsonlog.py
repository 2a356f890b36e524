"""Process logs as JSON lines on stderr: `{"ts", "level", "logger", "message"}`, `exception` with a traceback."""

from __future__ import annotations

import logging

import orjson


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "ts": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line).decode()


def log_json_lines(level: int = logging.INFO) -> None:
    """Send every record of this process to stderr in this form."""
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
