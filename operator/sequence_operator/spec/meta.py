"""Base classes of the resource models: naming (snake_case here, camelCase in the cluster), time, metadata."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from sequence_operator.spec.names import API_VERSION

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)


def camel(name: str) -> str:
    """`max_position_1e8` → `maxPosition1e8`; `from_` → `from` (`_` only avoids a keyword)."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


class SpecModel(BaseModel):
    """Part of a spec: unknown fields are refused, for a misspelt risk key must never be silently ignored."""

    model_config = ConfigDict(alias_generator=camel, populate_by_name=True, extra="forbid", frozen=True)


class StatusModel(BaseModel):
    """Part of a status or of metadata: unknown fields are ignored, so old readers cope with new writers."""

    model_config = ConfigDict(alias_generator=camel, populate_by_name=True, extra="ignore")


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def rfc3339(value: datetime) -> str:
    """`2026-11-22T14:00:03Z`, with microseconds only where there are some."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


Time = Annotated[
    AwareDatetime, AfterValidator(_utc), PlainSerializer(rfc3339, return_type=str, when_used="json")
]
"""An instant; aware UTC in Python, RFC 3339 with `Z` in the cluster."""


class ObjectMeta(StatusModel):
    """The part of Kubernetes object metadata that we read."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    finalizers: list[str] = Field(default_factory=list)
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)

    @model_serializer(mode="wrap")
    def _only_what_is_known(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # An empty uid or resourceVersion in a written object would be taken for a precondition.
        return {key: value for key, value in handler(self).items() if value}


class Resource(StatusModel):
    """A whole object as the API server gives it."""

    api_version: str = API_VERSION
    metadata: ObjectMeta = Field(default_factory=ObjectMeta)


def to_cr(model: BaseModel) -> dict[str, Any]:
    """The camelCase form for the cluster; absent (None) fields are left out, times are RFC 3339."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)
