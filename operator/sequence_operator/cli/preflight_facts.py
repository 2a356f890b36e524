"""What preflight and plan share without talking to anybody: facts of a module, and answers worth showing."""

from sequence_operator.artifact.inspect import Inspection
from sequence_operator.reconcile.preflight import ArtifactFacts, Check, Inputs, Result, preflight


def facts_of(found: Inspection) -> ArtifactFacts:
    """Of a module that passed inspection."""
    return ArtifactFacts(found.size, tuple(i.partition("(")[0] for i in found.imports))


def told(inputs: Inputs) -> tuple[Check, ...]:
    """The answers without those for which nobody has the facts: a plan is read for what is known."""
    return tuple(check for check in preflight(inputs) if check.result is not Result.NOT_CHECKABLE)
