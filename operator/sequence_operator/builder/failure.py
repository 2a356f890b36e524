"""Why a build gave no artifact, and whether another attempt can change that."""

from __future__ import annotations

from sequence_operator.artifact.errors import ArtifactError


class BuildError(Exception):
    """One attempt failed.

    reason: a CamelCase word for the conditions; message: one sentence, with the way out where there is one;
    final: the same sources will fail the same way; attempts: how many are worth it when they might not.
    """

    def __init__(self, reason: str, message: str, *, final: bool, attempts: int | None = None) -> None:
        super().__init__(message)
        self.reason, self.message, self.final, self.attempts = reason, message, final, attempts

    @classmethod
    def of(cls, problem: ArtifactError, *, final: bool = True) -> BuildError:
        return cls(problem.reason, problem.advice, final=final)
