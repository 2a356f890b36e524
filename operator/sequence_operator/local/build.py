"""``python -m sequence_operator.local.build``: have the control plane's binary ready and print where it is."""

from __future__ import annotations

import sys

from sequence_operator.local import binary
from sequence_operator.local.errors import LocalError
from sequence_operator.local.talk import StreamTalk


def main() -> int:
    try:
        print(binary.resolve(StreamTalk()))
    except LocalError as problem:
        print(problem.render(), file=sys.stderr)
        return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
