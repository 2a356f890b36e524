"""What watch events of AlgoDeployments lead to."""

from __future__ import annotations

from sequence_operator.cluster.client import Object
from sequence_operator.controller.accounts import Accounts
from sequence_operator.controller.freshness import shell
from sequence_operator.controller.queue import KeyedQueue
from sequence_operator.controller.state import Entries, Entry
from sequence_operator.reconcile.build_results import Inputs
from sequence_operator.reconcile.sight import Sight


class Objects:
    """Takes what the watches say about AlgoDeployments and decides who is looked at because of it."""

    def __init__(self, entries: Entries, accounts: Accounts, queue: KeyedQueue[str]) -> None:
        self._entries = entries
        self._accounts = accounts
        self._queue = queue

    def changed(self, obj: Object) -> None:
        """The object as it is now, from a watch: look at it unless this is an echo of what we wrote."""
        known = self._entries.get(obj["metadata"]["uid"])
        first = None if known else self._accounts.first_sight(_account_of(obj))
        entry = self._put(obj, first)
        if entry is None:
            return
        if known is None:
            self._accounts.admit(entry)
        self._queue.add(entry.uid, entry.lane)

    def remember(self, obj: Object) -> None:
        """The object as the API server answered us: no reason to look again, unless somebody else changed it meanwhile.

        The watch's event of that change is older than this answer, and will not be taken for news.
        """
        known = self._entries.get(obj["metadata"]["uid"])
        before = known.wish if known is not None else None
        entry = self._put(obj, None)
        if entry is not None and entry.wish != before:
            self._queue.add(entry.uid, entry.lane)

    def _put(self, obj: Object, sight: Sight | None) -> Entry | None:
        known = self._entries.get(obj["metadata"]["uid"])
        before = known.deployment_id if known is not None else None
        entry = self._entries.put(obj, sight)
        if entry is not None and entry.deployment_id != before:
            self._accounts.in_step(entry.account)
        return entry

    def gone(self, obj: Object) -> None:
        """The object was deleted for good; those that wanted its name have their turn."""
        entry = self._entries.drop(obj["metadata"]["uid"])
        if entry is None:
            return
        self._queue.forget(entry.uid)
        self._accounts.in_step(entry.account)
        for rival in self._entries.of_deployment(entry.deployment):
            self._queue.add(rival.uid, rival.lane)

    def built(self, inputs: Inputs) -> None:
        """The build of these inputs is another than before: those that need it look again."""
        for entry in self._entries.of_inputs(inputs):
            self._queue.add(entry.uid, entry.lane)

    def versions(self, namespace: str) -> dict[str, tuple[int, Object]]:
        """What is known of a namespace, for the comparison with what the API server lists."""
        return {
            entry.uid: (entry.version, shell(entry.name, namespace, entry.uid))
            for entry in self._entries
            if entry.namespace == namespace
        }


def _account_of(obj: Object) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["spec"]["accountRef"]["name"]
