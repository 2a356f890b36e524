"""`python -m sequence_operator.local.daemon`: what `sequence up --detach` starts."""

import sys

from sequence_operator.starting import importing

if __name__ == "__main__":
    with importing():
        from sequence_operator.local.background import main
    sys.exit(main(sys.argv[1:]))
