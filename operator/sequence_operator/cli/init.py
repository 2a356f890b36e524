"""`sequence init`."""

from pathlib import Path

import click

from sequence_operator.cli import scaffold
from sequence_operator.cli.context import load
from sequence_operator.cli.globals import command
from sequence_operator.cli.terminal import interactive, say


@command("init")
@click.argument("name")
def init(name: str) -> None:
    """Create the directory NAME with an algo that compiles, passes its own test and can be deployed.

    NAME becomes the deployment's name: letters, digits, - and _.
    """
    folder = Path(name)
    files = scaffold.write(name, folder)
    say(f"Created {folder}/ with {', '.join(files)}.")
    _offer_login()
    say()
    say("Next:")
    for line in (
        f"cd {name}",
        "cargo test                   # the algo's own test, native",
        "sequence build               # to WASM, inspected",
        "sequence up --detach         # a platform on this machine, unless you have one (sequence login)",
        "sequence --sandbox deploy    # registers it, stopped and warming up",
        "sequence --sandbox start",
        "sequence --sandbox logs -f",
    ):
        say(f"  {line}")


def _offer_login() -> None:
    """On a machine without any context, a person may store a key right away; nobody is made to."""
    if load().contexts or not interactive():
        return
    if click.confirm("No API key is stored on this machine. Log in now?", default=False, err=True):
        from sequence_operator.cli.login import login

        click.get_current_context().invoke(login)
