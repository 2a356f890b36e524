"""The kinds the operator watches, and where the news about each of them goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from sequence_operator.cluster.client import Object
from sequence_operator.cluster.resources import Resource
from sequence_operator.controller.freshness import Seen, Versions, Watched

log = structlog.get_logger(__name__)

Hear = Callable[[Object], None]


@dataclass(slots=True)
class _Listeners:
    changed: tuple[Hear, ...]
    gone: tuple[Hear, ...]
    versions: Versions
    seen: Seen | None = field(default=None)


class Kinds:
    """Hands what the watches bring to those who asked for it, and keeps book of what was brought."""

    def __init__(self) -> None:
        self._listeners: dict[Resource, _Listeners] = {}

    def add(
        self,
        resource: Resource,
        changed: tuple[Hear, ...],
        gone: tuple[Hear, ...],
        versions: Versions | None = None,
    ) -> None:
        """Watch a kind. versions: of those who keep its objects anyway; None: they are counted here."""
        seen = Seen() if versions is None else None
        known = seen.versions if seen is not None else versions
        assert known is not None  # noqa: S101 -- one of the two
        self._listeners[resource] = _Listeners(changed, gone, known, seen)

    @property
    def resources(self) -> tuple[Resource, ...]:
        return tuple(self._listeners)

    def on_event(self, resource: Resource, type_: str | None, obj: Object) -> None:
        """One event of a watch; type_ None: found by listing. Never raises: one object that makes no sense to a
        listener must not end the watch of the others.
        """
        (self._gone if type_ == "DELETED" else self._changed)(self._listeners[resource], obj)

    def watched(self) -> tuple[Watched, ...]:
        """All kinds, for the comparison with what the API server lists."""
        return tuple(self._watched(resource, known) for resource, known in self._listeners.items())

    def _watched(self, resource: Resource, known: _Listeners) -> Watched:
        return Watched(
            resource,
            known.versions,
            lambda obj: self._changed(known, obj),
            lambda obj: self._gone(known, obj),
        )

    def _changed(self, known: _Listeners, obj: Object) -> None:
        if known.seen is not None:
            known.seen.put(obj)
        _tell(known.changed, obj)

    def _gone(self, known: _Listeners, obj: Object) -> None:
        if known.seen is not None:
            known.seen.drop(obj)
        _tell(known.gone, obj)


def _tell(listeners: tuple[Hear, ...], obj: Object) -> None:
    for listener in listeners:
        try:
            listener(obj)
        except Exception:  # told where people look for it; the object is heard of again when it changes
            metadata = obj["metadata"]
            log.exception("event not understood", object=f"{metadata['namespace']}/{metadata['name']}")
