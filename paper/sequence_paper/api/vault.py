"""Seals venue credentials with AES-256-GCM.

The key comes from the environment or from a file of its own, never from the database: a copy of that opens nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson
import sqlalchemy as sa

from sequence_paper.store.credentials import Sealed
from sequence_paper.store.words import Json, Mode

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VARIABLE: Final = "SEQUENCE_CREDENTIALS_KEY"
_BYTES: Final = 32
_NONCE: Final = 12


class VaultError(Exception):
    """There is no key that can be used; the message says why and what to do. It never has a part of a key."""


class Vault:
    """``file``: where the key is, made at the first use; None: only the environment can give one."""

    def __init__(self, file: Path | None, environment: Mapping[str, str] = os.environ) -> None:
        self._file, self._environment = file, environment

    def seal(self, account_id: str, mode: Mode, venue: str, secret: Json) -> Sealed:
        """Raises `VaultError`."""
        key = self._key()
        nonce = secrets.token_bytes(_NONCE)
        text = orjson.dumps(secret)
        sealed = nonce + _cipher(key).encrypt(nonce, text, _bound(account_id, mode, venue))
        return Sealed(account_id, mode, venue, sealed, _name(key), time.time_ns())

    def open(self, row: Sealed) -> Json:
        """What was sealed. Raises `VaultError`, also when the row was changed or moved to another owner."""
        from cryptography.exceptions import InvalidTag  # loaded only by who needs it

        nonce, text = row.sealed[:_NONCE], row.sealed[_NONCE:]
        bound = _bound(row.account_id, row.mode, row.venue)
        try:
            opened: Json = orjson.loads(_cipher(self._key()).decrypt(nonce, text, bound))
        except InvalidTag:
            raise VaultError(f"credentials of {row.venue} cannot be opened: store them again") from None
        return opened

    def opens(self, row: Sealed) -> bool:
        """Whether the key of now is the one that it was sealed with."""
        try:
            return _name(self._key(make=False)) == row.key_id
        except VaultError:
            return False

    def _key(self, *, make: bool = True) -> bytes:
        given = self._environment.get(VARIABLE)
        if given:
            return _parsed(given, VARIABLE)
        if self._file is None:
            raise VaultError(
                f"there is no key to seal credentials with: set {VARIABLE} to 64 hex digits, or start the API with "
                "--credentials-key FILE"
            )
        if make:
            with contextlib.suppress(FileExistsError):
                _make(self._file)
        return _read(self._file)


def key_beside(database: str) -> Path | None:
    """Where the key is unless said: next to the SQLite file; None for another database."""
    url = sa.make_url(database)
    file = url.database if url.get_backend_name() == "sqlite" else None
    return Path(file).with_suffix(".credentials-key") if file else None


def _make(file: Path) -> None:
    """Complete from the first moment: written elsewhere, then linked, which fails when somebody was faster."""
    draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as writing:
            writing.write(secrets.token_hex(_BYTES) + "\n")
            writing.flush()
            os.fsync(writing.fileno())
        os.link(draft, file)
    finally:
        draft.unlink()


def _read(file: Path) -> bytes:
    try:
        with file.open() as reading:
            mode = os.fstat(reading.fileno()).st_mode
            text = reading.read(256)
    except OSError as error:
        raise VaultError(f"the key file {file} cannot be read: {error.strerror}") from None
    if stat.S_IMODE(mode) & 0o077:
        raise VaultError(f"others can read the key file: chmod 600 {file}")
    return _parsed(text.strip(), str(file))


def _parsed(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        raise VaultError(f"{where} must hold {2 * _BYTES} hex digits")
    return key


def _cipher(key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # as above

    return AESGCM(key)


def _bound(account_id: str, mode: Mode, venue: str) -> bytes:
    """Sealed for these only: a row copied to another owner does not open."""
    return orjson.dumps([account_id, mode, venue])


def _name(key: bytes) -> str:
    return hashlib.sha256(b"sequence credentials key " + key).hexdigest()[:16]
