"""Entry point of `sequence`, `kubectl-sequence` and `python -m sequence_operator`."""

import gc
import sys

from sequence_operator.starting import importing


def main() -> None:
    """Run the command line of this process and exit with its code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        # Asked by scripts and prompts many times a day: answered before anything heavier is imported.
        from sequence_operator import __version__

        print(f"sequence {__version__}")
        return
    with importing():
        from sequence_operator.cli.run import program_name, run
    code = run(sys.argv[1:], program_name(sys.argv[0]))
    gc.freeze()  # the process ends: no garbage needs to be looked for
    sys.exit(code)


if __name__ == "__main__":
    main()
