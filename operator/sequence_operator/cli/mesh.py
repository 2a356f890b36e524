"""`sequence mesh`."""

import sys
from typing import Any

import click

from sequence_operator.cli import mesh_text
from sequence_operator.cli.connect import cluster, execute, platform
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.lacking import offered
from sequence_operator.cli.output import View, show
from sequence_operator.cli.target import Target, registered, target
from sequence_operator.cli.terminal import folded, unicode

Json = dict[str, Any]
SCHEMA = "mesh/v1"

_PLACE = ("label", "venue", "edge_id", "region", "status", "alive", "feed")
_LINK = (
    "from",
    "to",
    "p50_ns",
    "p99_ns",
    "count",
    "dropped",
    "last_ns",
    "source",
    "stale",
    "allowed",
    "offset_ns",
    "offset_bound_ns",
    "messages",
    "probes",
)


@command("mesh")
@click.argument("name", required=False)
@pass_globals
def mesh(flags: Globals, name: str | None) -> None:
    """Show where each label runs, and how long messages take between each two.

    Latencies are one way and measured all the time, also when the algos are silent. NAME defaults to the one in
    ./Sequence.toml.
    """
    execute(_mesh(flags, target(flags, name)))


async def _mesh(flags: Globals, aim: Target) -> None:
    async with cluster(aim.context) as client:
        deployment_id = await registered(client, aim)
    async with platform(aim.context, aim.mode) as remote:
        await remote.get(deployment_id)  # so that a 404 of what follows is about the path
        with offered("mesh view"):
            answer = await remote.mesh(deployment_id)
    data = collect(aim.name, aim.mode, deployment_id, answer)
    names = [f"{link['from']}/{link['to']}" for link in data["links"]]
    text = mesh_text.text(data)
    if not unicode(sys.stdout):
        text = folded(text.translate(mesh_text.ASCII), sys.stdout)
    show(View(data=data, text=text, names=names), flags.output)


def collect(name: str, mode: str, deployment_id: str, answer: Json) -> Json:
    """The platform's answer with every key there, null where it does not say; what it adds is left out."""
    return {
        "schema": SCHEMA,
        "deployment": name,
        "mode": mode,
        "deployment_id": deployment_id,
        **{key: answer.get(key) for key in ("as_of_ns", "window_ns", "bus", "routes")},
        "instances": [{key: row.get(key) for key in _PLACE} for row in answer.get("instances") or []],
        "links": [{key: row.get(key) for key in _LINK} for row in answer.get("links") or []],
    }
