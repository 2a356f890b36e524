"""Whether the platform is likely to take a deployment and let it trade: one line per question.

The same function serves `sequence preflight`, `sequence plan` and the controller; each puts in what it can see, and a
question whose facts are missing is answered "not checkable", never with a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from sequence_operator.reconcile.row import Row
from sequence_operator.spec.meta import camel
from sequence_operator.spec.names import Mode
from sequence_operator.spec.resources import AlgoDeploymentSpec
from sequence_operator.spec.wire import risk_wire

MAX_WASM_BYTES = 1_048_576
VENUES, CAPITAL, LIMITS, NAME, ARTIFACT = "venues", "capital", "limits", "name", "artifact"
"""Names of the checks, in the order in which they are answered."""


class Result(StrEnum):
    PASSED = "Passed"
    FAILED = "Failed"
    NOT_CHECKABLE = "NotCheckable"


@dataclass(frozen=True, slots=True)
class Check:
    """One line. name: what was asked, one of the names above. message: the answer. hint: the command or edit that
    turns a failure into a pass, "" when there is none."""

    name: str
    result: Result
    message: str
    hint: str = ""


class Capital(Protocol):
    """What there is to trade with, USD × 10^9. None: the platform sets no bound."""

    @property
    def available_usd_1e9(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class ArtifactFacts:
    """The WASM as it was inspected. problem: why it can never be registered, with its hint; "" when it can."""

    size_bytes: int | None = None
    imports: tuple[str, ...] = ()
    problem: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the checks are made of; None always means that nobody could find out.

    venues:   ids of the venues that the account can trade on.
    limits:   of the account, by wire name (`max_order_rate`, …); {} when it has none.
    conflict: who else has the name, as `name_conflict` says; "" when nobody.
    untold:   by name of the check, why it could not be found out.
    """

    spec: AlgoDeploymentSpec
    mode: Mode
    venues: frozenset[str] | None = None
    capital: Capital | None = None
    limits: Mapping[str, int] | None = None
    conflict: str | None = None
    artifact: ArtifactFacts | None = None
    untold: Mapping[str, str] = field(default_factory=dict)


def preflight(inputs: Inputs) -> tuple[Check, ...]:
    """One line for each of the five questions, in a fixed order."""
    return (_venues(inputs), _capital(inputs), _limits(inputs), _name(inputs), _artifact(inputs))


def name_conflict(rows: Iterable[Row], deployment: str, uid: str) -> str:
    """Who has the name on the platform; "" when it is free or ours. uid: of the AlgoDeployment, "" for none yet."""
    for row in rows:
        if row.name != deployment:
            continue
        told = row.metadata
        if told is not None and uid and told.uid == uid:
            continue
        where = f" by cluster {told.cluster}" if told is not None and told.cluster else ""
        return f"{deployment} is registered already ({row.deployment_id}){where}"
    return ""


def _venues(inputs: Inputs) -> Check:
    wanted = sorted({i.venue for i in inputs.spec.instances})
    if inputs.venues is None:
        return _untold(inputs, VENUES, "the platform does not say which venues are connected")
    if not inputs.venues and inputs.mode == "sandbox":
        return _untold(
            inputs, VENUES, "no venue is listed as connected; sandbox trading needs no credentials"
        )
    missing = [venue for venue in wanted if venue not in inputs.venues]
    if not missing:
        return Check(VENUES, Result.PASSED, f"connected: {', '.join(wanted)}")
    there = ", ".join(sorted(inputs.venues)) or "none"
    plural = "s are" if len(missing) > 1 else " is"
    message = f"venue{plural} not connected: {', '.join(missing)}; connected: {there}"
    return Check(
        VENUES, Result.FAILED, message, "connect the venue on the platform, or name another in Sequence.toml"
    )


def _capital(inputs: Inputs) -> Check:
    if inputs.capital is None:
        return _untold(inputs, CAPITAL, "the platform does not say what is available")
    available = inputs.capital.available_usd_1e9
    if available is None:
        return Check(CAPITAL, Result.PASSED, "the platform sets no bound")
    largest = inputs.spec.risk.max_order_notional_1e9 if inputs.spec.risk is not None else None
    shown = f"{_money(available)} USD available"
    if available <= 0:
        hint = "fund the account, or close positions that bind its capital"
        return Check(CAPITAL, Result.FAILED, f"{shown}: every order would be refused", hint)
    if largest is not None and largest > available:
        shown += f"; one order may be up to {_money(largest)}, so larger ones than that will be refused"
    return Check(CAPITAL, Result.PASSED, shown)


def _limits(inputs: Inputs) -> Check:
    if inputs.limits is None:
        return _untold(inputs, LIMITS, "the platform does not say the account's limits")
    looser = list(_looser(inputs.spec, inputs.limits))
    if looser:
        return Check(LIMITS, Result.FAILED, "; ".join(looser), "lower the limit in Sequence.toml")
    if not inputs.limits:
        return Check(LIMITS, Result.PASSED, "the account has no limits of its own")
    return Check(LIMITS, Result.PASSED, f"within the account's {len(inputs.limits)} limits")


def _looser(spec: AlgoDeploymentSpec, limits: Mapping[str, int]) -> Iterator[str]:
    places = [("risk", spec.risk), *((f"instances[{i.label}].risk", i.risk) for i in spec.instances)]
    for path, risk in places:
        for key, value in sorted(risk_wire(risk).items()):
            if key in limits and value > limits[key]:
                yield f"{path}.{camel(key)} {value} is looser than the account's {limits[key]}"


def _name(inputs: Inputs) -> Check:
    name = inputs.spec.deployment
    if inputs.conflict is None:
        return _untold(inputs, NAME, "the platform's deployments could not be listed")
    if inputs.conflict:
        return Check(
            NAME,
            Result.FAILED,
            inputs.conflict,
            "choose another name, or set spec.adopt: true to take it over",
        )
    return Check(NAME, Result.PASSED, f"{name} is free, or this deployment's own")


def _artifact(inputs: Inputs) -> Check:
    facts = inputs.artifact
    if facts is None:
        return _untold(inputs, ARTIFACT, "the WASM is not at hand")
    if facts.problem:
        return Check(ARTIFACT, Result.FAILED, facts.problem, facts.hint)
    if facts.size_bytes is None:
        return _untold(inputs, ARTIFACT, "the WASM was not inspected")
    if facts.size_bytes > MAX_WASM_BYTES:
        message = f"{facts.size_bytes:,} bytes; at most {MAX_WASM_BYTES:,}"
        return Check(ARTIFACT, Result.FAILED, message, "build in release mode: sequence build")
    imports = f"; imports {', '.join(facts.imports)}" if facts.imports else "; imports nothing"
    return Check(ARTIFACT, Result.PASSED, f"{facts.size_bytes:,} bytes{imports}")


def _untold(inputs: Inputs, name: str, why: str) -> Check:
    return Check(name, Result.NOT_CHECKABLE, inputs.untold.get(name) or why)


def _money(amount_1e9: int) -> str:
    cents = amount_1e9 // 10**7
    sign, cents = ("-" if cents < 0 else ""), abs(cents)
    return f"{sign}{cents // 100:,}.{cents % 100:02d}"
