"""The flags every command takes, before its name or after it, and the command class that carries them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import click
from click.core import ParameterSource

from sequence_operator import __version__
from sequence_operator.cli.context import Context, Mode, resolve

Format = Literal["table", "wide", "json", "yaml", "name"]
FORMATS: tuple[Format, ...] = ("table", "wide", "json", "yaml", "name")


@dataclass(slots=True)
class Globals:
    """What the global flags said; None and False mean: not said."""

    sandbox: bool = False
    context: str | None = None
    namespace: str | None = None
    output: Format = "table"

    @property
    def mode(self) -> Mode:
        """Which of the context's two accounts the command works on."""
        return "sandbox" if self.sandbox else "live"

    def resolve(self) -> Context:
        """The context these flags choose. Raises CliError as context.resolve does."""
        return resolve(self.context, self.namespace)


def _remember(ctx: click.Context, param: click.Parameter, value: object) -> None:
    flags = ctx.ensure_object(Globals)
    if param.name and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE:
        setattr(flags, param.name, value)


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"sequence {__version__}")
        ctx.exit()


def global_options() -> list[click.Parameter]:
    """A fresh set of the global options; values go to `Globals`, not to the command function."""
    kept = partial(click.Option, expose_value=False, callback=_remember)
    return [
        kept(["--sandbox"], is_flag=True, help="Work on the sandbox account: no real order, ever."),
        kept(["--context"], metavar="NAME", help="Context of the configuration file."),
        kept(["-n", "--namespace"], metavar="NS", help="Kubernetes namespace."),
        kept(["-o", "--output"], type=click.Choice(FORMATS), help="Form of the data on stdout."),
        click.Option(
            ["-V", "--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_version,
            help="Print the version and exit.",
        ),
    ]


class Command(click.Command):
    """A command that also takes the global flags after its name."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own parameters first, then the global ones (made once: click compares them by identity)."""
        if not hasattr(self, "_global_options"):
            self._global_options = global_options()
        own = super().get_params(ctx)
        return own[:-1] + self._global_options + own[-1:]  # click appends --help last


def command(name: str, help: str | None = None) -> Callable[[Callable[..., None]], Command]:
    """`click.command` with the class above and `-h`; `help` defaults to the function's docstring."""
    settings = {"help_option_names": ["-h", "--help"]}
    return click.command(name, cls=Command, context_settings=settings, help=help)


pass_globals = click.make_pass_decorator(Globals, ensure=True)
