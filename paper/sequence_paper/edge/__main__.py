"""`python -m sequence_paper.edge`"""

import sys

from sequence_paper.starting import importing

if __name__ == "__main__":
    with importing():
        from sequence_paper.edge.program import main
    sys.exit(main())
