"""Entry point of `sequence`, `kubectl-sequence` and `python -m sequence_operator`."""

import sys


def main() -> None:
    """Run the command line of this process and exit with its code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        # Asked by scripts and prompts many times a day: answered before anything heavier is imported.
        from sequence_operator import __version__

        print(f"sequence {__version__}")
        return
    from sequence_operator.cli.run import program_name, run

    sys.exit(run(sys.argv[1:], program_name(sys.argv[0])))


if __name__ == "__main__":
    main()
