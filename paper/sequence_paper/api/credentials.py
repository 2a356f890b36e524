"""`/v1/credentials`: what an account stores for venues. Taken, sealed, listed and removed; never shown again.

The venues here are simulated and need none, so nothing reads them; a key that does not fit a venue is not noticed.
"""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from starlette.responses import Response

from sequence_paper.api.answers import described
from sequence_paper.api.bodies import Name
from sequence_paper.api.errors import ApiError
from sequence_paper.api.platform import Here, Platform, Who, json, needs_key
from sequence_paper.api.vault import VaultError
from sequence_paper.api.venue_answers import CredentialAnswer, CredentialsAnswer
from sequence_paper.api.venues import venue_rows
from sequence_paper.store.credentials import Sealed
from sequence_paper.store.records import Caller
from sequence_paper.store.words import Json

router = APIRouter(prefix="/v1/credentials", tags=["venues"], dependencies=[needs_key])

_MAX_EXTRA = 65_536

Secret = Annotated[SecretStr, Field(max_length=16_384)]


class CredentialsBody(BaseModel):
    """As the venue gave them. Only Polymarket goes without key and secret: by `extra_json` alone."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    api_key: Secret
    api_secret: Secret
    passphrase: Secret | None = None
    extra_json: Any = None

    @model_validator(mode="after")
    def _something(self) -> CredentialsBody:
        if self.extra_json is None and not (
            self.api_key.get_secret_value() and self.api_secret.get_secret_value()
        ):
            raise ValueError("api_key and api_secret must not be empty without extra_json")
        if self.extra_json is not None and len(orjson.dumps(self.extra_json)) > _MAX_EXTRA:
            raise ValueError(f"extra_json is larger than {_MAX_EXTRA:,} bytes")
        return self

    def secret(self) -> Json:
        """In the open, to be sealed."""
        passphrase = self.passphrase
        return {
            "api_key": self.api_key.get_secret_value(),
            "api_secret": self.api_secret.get_secret_value(),
            "passphrase": None if passphrase is None else passphrase.get_secret_value(),
            "extra_json": self.extra_json,
        }


@router.get("", responses=described(CredentialsAnswer))
async def listed(here: Here, who: Who) -> Response:
    """Connected venues, and those with stored credentials. Ours are simulated: one is connected while its edge is."""
    return json({"credentials": await here.run(lambda: _rows(here, who))})


@router.put("/{venue}", responses=described(CredentialAnswer))
@router.post("/{venue}", responses=described(CredentialAnswer))
async def store(venue: Name, body: CredentialsBody, here: Here, who: Who) -> Response:
    """Seal and keep them, in place of earlier ones."""

    def work() -> Json:
        mine = (who.account.account_id, who.mode, venue)
        try:
            here.store.credentials.put(here.vault.seal(*mine, body.secret()))
        except VaultError as error:
            raise ApiError(503, str(error)) from None
        return next(row for row in _rows(here, who) if row["venue"] == venue)

    return json(await here.run(work))


@router.delete("/{venue}", status_code=204)
async def remove(venue: Name, here: Here, who: Who) -> Response:
    """Forget them."""
    mine = (who.account.account_id, who.mode, venue)
    if not await here.run(lambda: here.store.credentials.remove(*mine)):
        raise ApiError(404, f"no credentials of {venue} are stored in this account and mode")
    return Response(status_code=204)


def _rows(here: Platform, who: Caller) -> list[Json]:
    stored = {row.venue: row for row in here.store.credentials.all(who.account.account_id, who.mode)}
    connected = {row["venue"] for row in venue_rows(here.fleet()) if row["connected"]}
    return [
        _row(here, venue, venue in connected, stored.get(venue)) for venue in sorted(connected | set(stored))
    ]


def _row(here: Platform, venue: str, connected: bool, sealed: Sealed | None) -> Json:
    return {
        "venue": venue,
        "status": "connected" if connected else "disconnected",
        "requires_credentials": False,
        "stored": sealed is not None,
        "stored_ns": None if sealed is None else sealed.stored_ns,
        # A key file that was lost or replaced: the credentials have to be stored again.
        "readable": None if sealed is None else here.vault.opens(sealed),
    }
