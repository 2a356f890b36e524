"""`/v1/api_keys`: the keys of an account and mode. A key is shown once; changing them needs an admin key."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from sequence_paper.api.answers import Answer, described
from sequence_paper.api.errors import ApiError
from sequence_paper.api.platform import Here, Who, json, needs_key
from sequence_paper.store.accounts import KeyView
from sequence_paper.store.records import Caller
from sequence_paper.store.words import Json

router = APIRouter(prefix="/v1/api_keys", tags=["account"], dependencies=[needs_key])


class NewKeyBody(BaseModel):
    """`sandbox` is the mode of the caller's key unless it says the same."""

    model_config = ConfigDict(extra="forbid")

    label: Annotated[str, Field(max_length=200)] = ""
    sandbox: bool | None = None


class KeyAnswer(Answer):
    """A key without the key."""

    key_id: str
    label: str
    sandbox: bool
    admin: bool
    created_at_ns: int


class KeysAnswer(Answer):
    """Oldest first."""

    api_keys: list[KeyAnswer]


class MintedAnswer(KeyAnswer):
    """`api_key` is shown this once."""

    api_key: str


@router.get("", responses=described(KeysAnswer))
async def listed(here: Here, who: Who) -> Response:
    """The keys of the caller's account and mode."""
    rows = await here.run(lambda: here.store.accounts.keys(who.account.account_id, who.mode))
    return json({"api_keys": [_view(row) for row in rows]})


@router.post("", status_code=201, responses=described(MintedAnswer, 201))
async def mint(body: NewKeyBody, here: Here, who: Who) -> Response:
    """A new key of the caller's mode, which is no admin."""
    _admin(who)
    if body.sandbox is not None and body.sandbox != (who.mode == "sandbox"):
        raise ApiError(403, f"a {who.mode} key makes keys of its own mode only")
    account = who.account.account_id
    key = await here.run(lambda: here.store.accounts.mint_key(account, who.mode, label=body.label))
    return json(await here.run(lambda: _minted(here.store.accounts.view(key), key)), 201)


@router.post("/{key_id}/rotate", responses=described(MintedAnswer))
async def rotate(key_id: str, here: Here, who: Who) -> Response:
    """A new key in place of this one, which ends at once."""
    _admin(who)
    key = await here.run(lambda: here.store.accounts.rotate_key(who.account.account_id, who.mode, key_id))
    if key is None:
        raise _unknown(key_id)
    return json(await here.run(lambda: _minted(here.store.accounts.view(key), key)))


@router.delete("/{key_id}", status_code=204)
async def remove(key_id: str, here: Here, who: Who) -> Response:
    """End a key at once. Streams that it opened go on."""
    _admin(who)
    if not await here.run(lambda: here.store.accounts.remove_key(who.account.account_id, who.mode, key_id)):
        raise _unknown(key_id)
    return Response(status_code=204)


def _admin(who: Caller) -> None:
    if not who.admin:
        raise ApiError(
            403, "changing keys needs an admin key: make one with python -m sequence_paper.keys --admin"
        )


def _unknown(key_id: str) -> ApiError:
    return ApiError(404, f"no key {key_id} in this account and mode")


def _view(row: KeyView) -> Json:
    return {
        "key_id": row.key_id,
        "label": row.label,
        "sandbox": row.mode == "sandbox",
        "admin": row.admin,
        "created_at_ns": row.created_at_ns,
    }


def _minted(row: KeyView, key: str) -> Json:
    return _view(row) | {"api_key": key}
