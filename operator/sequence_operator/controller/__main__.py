"""``python -m sequence_operator.controller``"""

from __future__ import annotations

import sys

from sequence_operator.starting import importing


def main() -> int:
    with importing():
        import uvloop

        from sequence_operator import logs
        from sequence_operator.controller import settings
    chosen = settings.parse(sys.argv[1:])
    logs.configure(chosen.log_format, chosen.log_level)
    with importing():
        from sequence_operator.controller.app import serve  # after the arguments: a mistake is told at once
    return uvloop.run(serve(chosen))


if __name__ == "__main__":
    sys.exit(main())
