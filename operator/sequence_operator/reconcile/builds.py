"""What is known of the build of an artifact that is named by a commit instead of a digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class BuildState(StrEnum):
    NO_TREE = "NoTree"  # nobody published the files to build from (yet)
    NO_TOOLCHAIN = "NoToolchain"  # the operator was started without a toolchain: it makes no builds
    ABSENT = "Absent"  # no AlgoBuild of these inputs exists: one has to be created
    WAITING = "Waiting"  # an AlgoBuild exists and is not over
    FAILED = "Failed"  # over, without a WASM
    READY = "Ready"  # over, with a WASM


@dataclass(frozen=True, slots=True)
class BuildView:
    """The AlgoBuild of `spec.artifact.build`, as the watch shows it.

    name: of the AlgoBuild. spec: what to create it with, in its cluster form, when ABSENT. tree: digest of the inputs,
    64 hex. sha256, size_bytes, config_map: the WASM, when READY. reason (CamelCase) and message: why it is not READY;
    of a FAILED one the first error with its file.
    """

    state: BuildState
    name: str = ""
    sha256: str = ""
    size_bytes: int | None = None
    config_map: str = ""
    tree: str = ""
    reason: str = ""
    message: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)
