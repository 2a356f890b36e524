"""`sequence version`."""

import platform
import shutil
import subprocess

from sequence_operator import __version__
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.output import View, show, table

_TOOLS = ("cargo", "rustc", "rustup", "git")


@command("version")
@pass_globals
def version(flags: Globals) -> None:
    """Print the version of this command line and of the tools it finds here."""
    versions: dict[str, object] = {"sequence": __version__, "python": platform.python_version()}
    versions |= {tool: _ask(tool) for tool in _TOOLS}
    text = table([], [(name, str(value or "not found")) for name, value in versions.items()])
    show(View(data={"schema": "version/v1", **versions}, text=text, names=[__version__]), flags.output)


def _ask(tool: str) -> str | None:
    """The first line a tool prints about itself, None when it is not on PATH or does not run."""
    path = shutil.which(tool)
    if path is None:
        return None
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip().partition("\n")[0] if answer.returncode == 0 else None
