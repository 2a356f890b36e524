"""PlatformAccount: an endpoint of the platform, a client identity on it and a mode."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, StrictInt

from sequence_operator.spec.deployment import DataKey, ObjectName
from sequence_operator.spec.meta import Resource, SpecModel
from sequence_operator.spec.names import Mode
from sequence_operator.spec.status import PlatformAccountStatus

_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def seconds(duration: str) -> float:
    """`1m30s` → 90.0. Units h, m, s, ms. Raises ValueError on anything else."""
    parts = _DURATION_PART.findall(duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise ValueError(f"{duration!r} is not a duration such as 10s or 1m30s")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


class SecretKeyRef(SpecModel):
    """A key of a Secret in the same namespace."""

    name: ObjectName = Field(description="Name of the Secret.")
    key: DataKey = Field(default="apiKey", description="Key under the Secret's data.")


class RateLimit(SpecModel):
    """Calls to the platform; what the account's profile on the platform says wins."""

    requests_per_second: Annotated[StrictInt, Field(ge=1, le=10_000)] = Field(
        default=5, description="Calls per second, on average."
    )
    burst: Annotated[StrictInt, Field(ge=1, le=10_000)] = Field(default=10, description="Calls at once.")


class PlatformAccountSpec(SpecModel):
    """How to reach an account."""

    endpoint: Annotated[str, Field(min_length=1, max_length=512)] = Field(
        description="Base URL of the platform without /v1: https, or http on loopback. Immutable."
    )
    mode: Mode = Field(description="live or sandbox; the key's prefix must agree. Immutable.")
    secret_ref: SecretKeyRef = Field(description="The API key, in a Secret of the same namespace.")
    poll_interval: Annotated[
        str, Field(pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$", min_length=2, max_length=12)
    ] = Field(default="10s", description="Time between two lists of the account's deployments, 2s to 1h.")
    rate_limit: RateLimit | None = Field(default=None, description="Budget of calls to the platform.")
    allow_unverified: list[Literal["Risk", "Topology"]] = Field(
        default_factory=list,
        description="What may stay unconfirmed when an algo is started on a platform that does not echo it: "
        "Risk (limits), Topology (instances and routes).",
    )

    @property
    def poll_seconds(self) -> float:
        return seconds(self.poll_interval)


class PlatformAccount(Resource):
    kind: Literal["PlatformAccount"] = "PlatformAccount"
    spec: PlatformAccountSpec
    status: PlatformAccountStatus = Field(default_factory=PlatformAccountStatus)
