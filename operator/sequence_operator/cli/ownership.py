"""Who decides over an AlgoDeployment: git, by way of an AlgoSource, or the people at this command line."""

from dataclasses import dataclass
from typing import Any

from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.target import Target
from sequence_operator.cli.terminal import plain
from sequence_operator.cluster import ClusterClient
from sequence_operator.cluster.client import STATE
from sequence_operator.cluster.resources import ALGO_SOURCES
from sequence_operator.spec.names import SOURCE_LABEL, STATE_AT
from sequence_operator.spec.ownership import owners

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class GitOwner:
    """What an AlgoSource applied: from which file of which commit. `state_at`: path:line:column, or ""."""

    source: str
    repository: str
    path: str
    commit: str
    state_at: str

    def words(self, place: str = "") -> str:
        """Repository, file (with the line when the place is known), commit, and the AlgoSource that applies it."""
        return plain(
            f"{self.repository or 'the repository'} {place or self.path} at commit {self.commit[:12] or 'unknown'}"
            f" (AlgoSource {self.source})"
        )


async def git_owner(client: ClusterClient, obj: Object) -> GitOwner | None:
    """The AlgoSource that applies this object; None when none does, or when it is gone."""
    metadata = obj["metadata"]
    source = (metadata.get("labels") or {}).get(SOURCE_LABEL, "")
    if not source or await client.find(ALGO_SOURCES, source, metadata["namespace"]) is None:
        return None
    return written_in_git(obj)


def written_in_git(obj: Object) -> GitOwner:
    """What the object itself says of where it was written down."""
    metadata, origin = obj["metadata"], obj["spec"].get("origin") or {}
    return GitOwner(
        source=(metadata.get("labels") or {}).get(SOURCE_LABEL, ""),
        repository=origin.get("repository") or "",
        path=origin.get("path") or "",
        commit=origin.get("commit") or "",
        state_at=(metadata.get("annotations") or {}).get(STATE_AT, ""),
    )


def state_is_foreign(obj: Object) -> bool:
    """Whether somebody else than `sequence start` and `stop` owns spec.state: git, or another tool that applies."""
    return any(manager != STATE for manager in owners(obj, "spec", "state"))


def refuse_deploy(aim: Target, owner: GitOwner) -> CliError:
    """Git decides what is deployed: two writers would undo each other's work."""
    return CliError(
        f"{aim.name} is deployed from git, not from here",
        owner.words(),
        "commit and push the change there   (`sequence plan` in the clone shows what it will do)",
        ExitCode.CONFLICT,
    )


def refuse_undeploy(aim: Target, owner: GitOwner) -> CliError:
    """An object that git still has would come back with the next look at the repository."""
    return CliError(
        f"{aim.name} cannot be undeployed from here: git has it",
        owner.words(owner.state_at),
        f"delete {owner.path or 'its file'} there and push: the source then stops and unregisters it\n"
        f"to stop it now: {aim.command} stop {aim.name}",
        ExitCode.CONFLICT,
    )


def refuse_start(aim: Target, obj: Object) -> CliError:
    """Git, or another tool, says Stopped."""
    owner = written_in_git(obj)
    managers = ", ".join(m for m in owners(obj, "spec", "state") if m != STATE)
    if owner.source:
        return CliError(
            f"{aim.name} cannot be started from here: git says that it is stopped",
            owner.words(owner.state_at),
            'write state = "running" there and push, or remove the line: then `start` and `stop` decide',
            ExitCode.CONFLICT,
        )
    place = f" (deployed from {owner.repository} {owner.path} {owner.commit[:12]})" if owner.path else ""
    return CliError(
        f"{aim.name} cannot be started from here",
        f"spec.state belongs to the field manager {managers}{place}",
        f"change `state` where {managers} takes it from, or let it drop the field; then run this again",
        ExitCode.CONFLICT,
    )
