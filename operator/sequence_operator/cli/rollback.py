"""`sequence rollback`: run a module that is still stored, without git and without a build."""

from typing import Any

import click

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.store import wasm_from
from sequence_operator.cli import conditions
from sequence_operator.cli.conditions import Hopeless, Object, Reached, condition
from sequence_operator.cli.connect import cluster, execute
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.output import View, show
from sequence_operator.cli.overrides import in_force, now, remove, roll_back
from sequence_operator.cli.target import Target, find, target
from sequence_operator.cli.terminal import say
from sequence_operator.cli.waiting import no_wait_option, timeout_option, until
from sequence_operator.cluster import ClusterClient
from sequence_operator.cluster.resources import CONFIG_MAPS
from sequence_operator.spec.names import ARTIFACT_KEY, ROLLBACK, artifact_name


@command("rollback")
@click.argument("name", required=False)
@click.option(
    "--to",
    "number",
    type=click.IntRange(min=1),
    metavar="N",
    help="Entry of the history, as `status` numbers it.",
)
@click.option("--clear", is_flag=True, help="End the rollback: run again what the spec says.")
@no_wait_option
@timeout_option(120)
@pass_globals
def rollback(
    flags: Globals, name: str | None, number: int | None, clear: bool, no_wait: bool, timeout: float
) -> None:
    """Go back to an earlier module of a deployment, by default the one before the present one.

    It takes neither git nor a build: the module is still stored in the cluster. The module that is left is
    denied until the spec names another commit. Limits, instances and state stay as they are written. NAME
    defaults to the one in ./Sequence.toml.
    """
    if clear and number is not None:
        raise click.UsageError("--clear goes back to what the spec says: it takes no --to")
    aim, patience = target(flags, name), None if no_wait else timeout
    execute(_clear(flags, aim, patience) if clear else _rollback(flags, aim, number, patience))


async def _rollback(flags: Globals, aim: Target, number: int | None, timeout: float | None) -> None:
    async with cluster(aim.context) as client:
        obj = await find(client, aim)
        aim.say_where()
        present = registered_digest(obj)
        to = choose(aim, obj, number)
        await _stored(client, aim, obj, to)
        denied = denied_by(obj, to)
        say(f"from {present[:12] or 'nothing registered'} back to {to[:12]}")
        before, obj = obj, await roll_back(client, obj, to, denied, now())
        if timeout is not None:
            obj = await until(
                client,
                aim,
                _runs(to),
                what=f"back on {to[:12]}",
                timeout=timeout,
                hopeless=_new_stall(before),
            )
    done = timeout is not None
    say(f"{aim.name} is back on {to[:12]}." if done else f"{aim.name}: asked to go back to {to[:12]}.")
    if denied:
        say(f"{denied[:12]} is denied until the spec names another commit")
    say(f"Next: {aim.command} status {aim.name}   ·   {aim.command} rollback {aim.name} --clear")
    _show(flags, aim, {"to": to, "denied": denied or None, "reached": done})


async def _clear(flags: Globals, aim: Target, timeout: float | None) -> None:
    async with cluster(aim.context) as client:
        obj = await find(client, aim)
        aim.say_where()
        if ROLLBACK not in (obj["metadata"].get("annotations") or {}):
            raise CliError(
                f"{aim.name} is not rolled back",
                "there is nothing to clear",
                f"{aim.command} status {aim.name}",
                ExitCode.CONFLICT,
            )
        held = in_force(obj)["rollback"]
        before, obj = obj, await remove(client, obj, ROLLBACK)
        if timeout is not None and held is not None and held["to"] != _written(obj):
            reached = _left(held["to"])
            obj = await until(
                client, aim, reached, what="as the spec says", timeout=timeout, hopeless=_new_stall(before)
            )
    done = timeout is not None
    say(f"{aim.name} runs what the spec says again." if done else f"{aim.name}: asked to end the rollback.")
    _show(flags, aim, {"to": None, "denied": None, "reached": done})


def _show(flags: Globals, aim: Target, more: dict[str, object]) -> None:
    data: dict[str, object] = {"schema": "rollback/v1", "deployment": aim.name, "mode": aim.mode, **more}
    text = f"{aim.name}  {str(more['to'] or 'as written')[:12]}"
    show(View(data, text=text, names=[f"algodeployment.sequencemkts.com/{aim.resource}"]), flags.output)


def registered_digest(obj: Object) -> str:
    """SHA-256 of what is registered; "" when nothing is."""
    return ((obj.get("status") or {}).get("artifact") or {}).get("sha256") or ""


def choose(aim: Target, obj: Object, number: int | None) -> str:
    """The SHA-256 to go back to: of history entry `number` (1 is the newest), else the last that was another one.

    Raises CliError when there is none, or when it is the present one.
    """
    status, present = obj.get("status") or {}, registered_digest(obj)
    history = status.get("history") or []
    if number is None:
        denied = set(status.get("deniedDigests") or ())
        found = next(
            (e["sha256"] for e in history if e.get("sha256") and e["sha256"] not in {present, *denied}), ""
        )
        if not found:
            raise _nothing(aim, "its history has no other module that is not denied", history)
        return found
    if number > len(history):
        raise _nothing(aim, f"its history has {len(history)} entries, not {number}", history)
    to: str = history[number - 1].get("sha256") or ""
    if not to:
        raise _nothing(
            aim, f"entry {number} of its history ({history[number - 1]['event']}) has no module", history
        )
    if to == present and to == _written(obj):
        raise _nothing(aim, f"entry {number} of its history is what is registered already", history)
    return to


def denied_by(obj: Object, to: str) -> str:
    """The module that is left: what the spec names, else what is registered; "" when that is not known."""
    return next((sha for sha in (_written(obj), registered_digest(obj)) if sha and sha != to), "")


def _written(obj: Object) -> str:
    return obj["spec"]["artifact"].get("sha256") or ""


def _nothing(aim: Target, cause: str, history: list[dict[str, Any]]) -> CliError:
    known = list(dict.fromkeys(e["sha256"][:12] for e in history if e.get("sha256")))
    return CliError(
        f"{aim.name} has nothing to go back to",
        f"{cause} (modules in it: {', '.join(known) or 'none'})",
        f"{aim.command} status {aim.name}   numbers its history; an older commit comes back by git revert",
        ExitCode.CONFLICT,
    )


async def _stored(client: ClusterClient, aim: Target, obj: Object, to: str) -> None:
    """See that the module is there, with the right bytes. Raises CliError (not found)."""
    namespace = aim.context.namespace
    found = await client.find(CONFIG_MAPS, artifact_name(to), namespace)
    if found is None:
        others = [
            f"{n} ({e['sha256'][:12]})"
            for n, e in enumerate((obj.get("status") or {}).get("history") or [], 1)
            if e.get("sha256")
            and e["sha256"] != to
            and await client.find(CONFIG_MAPS, artifact_name(e["sha256"]), namespace) is not None
        ]
        raise CliError(
            f"the module {to[:12]} is no longer stored",
            f"there is no ConfigMap {artifact_name(to)} in namespace {namespace}; entries whose module is there: "
            f"{', '.join(others) or 'none'}",
            "revert the commit in git, or check the old one out and deploy it: it is built again, to the same bytes",
            ExitCode.NOT_FOUND,
        )
    try:
        wasm_from(found, ARTIFACT_KEY, to)
    except ArtifactError as problem:
        raise CliError(problem.message, f"reason {problem.reason}", problem.hint) from None


def _runs(to: str) -> Reached:
    """Registered with this module, and running where that is desired."""

    def reached(obj: Object) -> bool:
        settled = condition(obj, "Registered").true and condition(obj, "Ready").true
        return registered_digest(obj) == to and settled and not (obj.get("status") or {}).get("pending")

    return reached


def _left(to: str) -> Reached:
    """No longer on the module of the rollback."""
    return lambda obj: registered_digest(obj) not in ("", to) and conditions.registered(obj)


def _new_stall(before: Object) -> Hopeless:
    """A stall that a rollback is to end, such as a refused replacement, is no reason to give up."""
    old = condition(before, "Stalled")

    def hopeless(obj: Object) -> CliError | None:
        return conditions.stalled(obj) if condition(obj, "Stalled") != old else None

    return hopeless
