"""`python -m sequence_paper.feed.server`"""

import sys

from sequence_paper.starting import importing

if __name__ == "__main__":
    with importing():
        from sequence_paper.feed.server.program import main
    sys.exit(main())
