"""``python -m sequence_operator.builder``"""

from __future__ import annotations

import sys

from sequence_operator.starting import importing


def main() -> int:
    with importing():
        import asyncio

        from sequence_operator import logs
        from sequence_operator.builder import settings
    chosen = settings.parse(sys.argv[1:])
    logs.configure(chosen.log_format, chosen.log_level)
    with importing():
        from sequence_operator.builder.app import serve  # after the arguments: a mistake is told at once
    return asyncio.run(serve(chosen))


if __name__ == "__main__":
    sys.exit(main())
