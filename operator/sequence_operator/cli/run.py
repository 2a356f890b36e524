"""From argv to an exit code: every way a command can end, in one place."""

import sys
from pathlib import Path

import click

from sequence_operator.cli.app import UnknownCommandError, build_app
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.terminal import paint, plain, say


def program_name(argv0: str) -> str:
    """How the user called us: kubectl finds plugins by file name and expects them to speak of `kubectl sequence`."""
    return "kubectl sequence" if Path(argv0).name.startswith("kubectl-") else "sequence"


def run(args: list[str], prog_name: str = "sequence") -> int:
    """Run one command line; returns the exit code after having printed any error to stderr."""
    try:
        ended = build_app().main(args=args, prog_name=prog_name, standalone_mode=False)
    except CliError as problem:
        _print(problem)
        return problem.code
    except click.UsageError as problem:
        _print(_usage(problem, prog_name))
        return ExitCode.USAGE
    except click.ClickException as problem:
        _print(CliError(problem.format_message()))
        return problem.exit_code
    except (KeyboardInterrupt, click.Abort):
        say("interrupted")
        return ExitCode.INTERRUPTED
    return ended if isinstance(ended, int) else ExitCode.OK


def _usage(problem: click.UsageError, prog_name: str) -> CliError:
    where = problem.ctx.command_path if problem.ctx else prog_name
    hint = problem.hint if isinstance(problem, UnknownCommandError) else f"{where} --help"
    message = problem.format_message().rstrip(".")
    return CliError(message[:1].lower() + message[1:], "", hint, ExitCode.USAGE)


def _print(problem: CliError) -> None:
    colours = {"error:": "red", "cause:": "yellow", "hint:": "cyan"}
    for line in map(plain, problem.render().split("\n")):
        label, _, rest = line.partition(" ")
        known = colours.get(label)
        say(f"{paint(label, sys.stderr, fg=known, bold=True)} {rest}" if known else line)
