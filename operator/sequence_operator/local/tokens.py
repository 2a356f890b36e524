"""ServiceAccount tokens of a day, each kept fresh in a file that its client reads again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sequence_operator.cluster import ClusterClient, ClusterError
from sequence_operator.cluster.resources import SERVICE_ACCOUNTS
from sequence_operator.local.folders import write_private
from sequence_operator.local.talk import Talk

LIFETIME = timedelta(hours=24)
RENEW_AT = 0.8  # of the lifetime that the server granted
RETRY = 10.0


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token; ``value`` is a secret."""

    value: str
    issued: datetime
    expires: datetime

    @property
    def renew_after(self) -> timedelta:
        """How long after being issued it should be replaced; a server may grant less than was asked for."""
        return (self.expires - self.issued) * RENEW_AT


class Admin(ClusterClient):
    """The cluster client of the stack itself, which may also ask for tokens."""

    async def request_token(self, namespace: str, account: str, lifetime: timedelta = LIFETIME) -> Token:
        """A TokenRequest for one ServiceAccount. Raises ClusterError."""
        issued = datetime.now(UTC)
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": int(lifetime.total_seconds())},
        }
        path = SERVICE_ACCOUNTS.path(namespace, account, "token")
        answer = await self._call("POST", path, body, what=f"request a token of {namespace}/{account}")
        status = answer["status"]
        return Token(status["token"], issued, datetime.fromisoformat(status["expirationTimestamp"]))


async def keep_fresh(
    client: Admin, namespace: str, account: str, path: Path, first: Token, talk: Talk
) -> None:
    """Replace the token in ``path`` at 80 % of its life, for ever; failures are shown and tried again."""
    token = first
    while True:
        due = token.issued + token.renew_after
        left = (due - datetime.now(UTC)).total_seconds()
        if left > 0:
            # In steps: one long sleep does not count the time that a laptop was shut.
            await asyncio.sleep(min(left, 60.0))
            continue
        try:
            token = await client.request_token(namespace, account)
            write_private(path, token.value)
        except (ClusterError, OSError) as problem:
            talk.say(f"the token of {account} could not be renewed, tried again in {RETRY:g} s: {problem}")
            await asyncio.sleep(RETRY)
