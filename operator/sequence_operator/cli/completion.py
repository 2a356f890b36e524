"""`sequence completion`."""

import click
from click.shell_completion import get_completion_class

from sequence_operator.cli.globals import command

_INSTALL = {
    "bash": 'eval "$(sequence completion bash)"      # in ~/.bashrc',
    "zsh": 'eval "$(sequence completion zsh)"       # in ~/.zshrc',
    "fish": "sequence completion fish | source       # in ~/.config/fish/config.fish",
}


@command("completion")
@click.argument("shell", type=click.Choice(tuple(_INSTALL)))
def completion(shell: str) -> None:
    """Print the completion script for SHELL; load it from the shell's start-up file."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(f"# {_INSTALL[shell]}")
    script = kind(click.Group("sequence"), {}, "sequence", "_SEQUENCE_COMPLETE")
    click.echo(kind.source_template % script.source_vars())
