"""What runs, written down for other commands: ``run.json`` in the state folder, replaced whole at every change."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from sequence_operator.local.folders import write_private
from sequence_operator.local.options import Options

_ADDRESSES = ("endpoint", "kubeconfig", "kube_context", "namespace", "trees", "hook")
State = Literal["starting", "running", "restarting", "stopped", "absent"]


@dataclass(slots=True)
class PartState:
    """One child process. ``started`` tells it from a later process of the same id; ``detail`` is for people.

    ``absent``: it was not started, for the reason in ``detail``.
    """

    name: str
    pid: int = 0
    started: str = ""
    address: str = ""
    state: State = "starting"
    restarts: int = 0
    detail: str = ""


@dataclass(slots=True)
class RunState:
    """One run of the stack. ``pid`` and ``started`` are the supervisor's; ``endpoint`` is paper's base URL.

    ``trees``: where the operator serves the files of commits; ``hook``: base URL of the webhooks.
    """

    pid: int
    started: str
    state_dir: str
    options: Options
    kubeconfig: str = ""
    kube_context: str = ""
    namespace: str = ""
    endpoint: str = ""
    trees: str = ""
    hook: str = ""
    ready: bool = False
    parts: dict[str, PartState] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The document of ``run.json`` and of ``sequence up -o json``."""
        return {
            "schema": "sequence.local/v1",
            **{name: getattr(self, name) for name in ("pid", "started", "ready", "state_dir")},
            **{name: getattr(self, name) for name in _ADDRESSES},
            "options": self.options.to_json(),
            "parts": [asdict(part) for part in self.parts.values()],
        }


def path(state_dir: Path) -> Path:
    return state_dir / "run.json"


def write(state_dir: Path, run: RunState) -> None:
    write_private(path(state_dir), json.dumps(run.to_json(), indent=2) + "\n")


def read(state_dir: Path) -> RunState | None:
    """The last run, or None when there was none or it ended in order."""
    try:
        data = json.loads(path(state_dir).read_text())
    except FileNotFoundError:
        return None
    names = ("pid", "started", "ready", "state_dir", *_ADDRESSES)
    parts = [PartState(**part) for part in data["parts"]]
    return RunState(
        options=Options.from_json(data["options"]),
        parts={part.name: part for part in parts},
        **{name: data[name] for name in names if name in data},  # another version may have written it
    )


def remove(state_dir: Path) -> None:
    path(state_dir).unlink(missing_ok=True)
