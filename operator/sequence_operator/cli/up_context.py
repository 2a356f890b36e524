"""What a stack is to other commands: the context `local` with its addresses and keys, and the table of its parts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sequence_operator.cli.context import config_path, load, save_context
from sequence_operator.cli.errors import CliError
from sequence_operator.cli.globals import Globals
from sequence_operator.cli.output import View, show
from sequence_operator.cli.terminal import say

if TYPE_CHECKING:
    from sequence_operator.local.runfile import RunState

CONTEXT: Final = "local"


def announce(run: RunState, flags: Globals) -> None:
    """Write the context and show what runs."""
    _save(run)
    show(_view(run), flags.output)
    current = load().current
    if current == CONTEXT:
        say("next: sequence init my-algo   (commands use the context `local`)")
    else:
        say(f"your current context is still {current!r}: add --context {CONTEXT} to commands for this stack")


def _save(run: RunState) -> None:
    keys = {
        mode: (Path(run.state_dir) / "paper" / f"{mode}.key").read_text().strip()
        for mode in ("live", "sandbox")
    }
    settings = {
        "kubeconfig": run.kubeconfig,
        "kube_context": run.kube_context,
        "namespace": run.namespace,
        "base_url": run.endpoint,
        "live_account": "live",
        "sandbox_account": "sandbox",
        "api_key": keys["live"],
        "sandbox_api_key": keys["sandbox"],
    }
    save_context(CONTEXT, settings, make_current=False)


def _view(run: RunState) -> View:
    rows = [
        (part.name, part.state, str(part.pid or "-"), str(part.restarts), part.address or "-", part.detail)
        for part in run.parts.values()
    ]
    return View(
        data=run.to_json(),
        columns=("part", "state", "pid", "restarts", "address", "detail"),
        rows=rows,
        names=[part.name for part in run.parts.values()],
    )


def require_writable() -> None:
    """Before anything starts: the keys of the stack would have nowhere to go."""
    folder = config_path().parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise CliError(
            f"cannot write {config_path()}",
            f"{folder} is " + ("read-only for you" if folder.is_dir() else "not a folder"),
            "SEQUENCE_CONFIG=/tmp/sequence-$USER/config.toml sequence up   (and the same for other commands)",
        )
