"""`python -m sequence_paper.keys`"""

import sys

from sequence_paper.starting import importing

if __name__ == "__main__":
    with importing():
        from sequence_paper.keys.program import main
    sys.exit(main())
