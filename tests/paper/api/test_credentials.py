"""Venue credentials: sealed at rest, never shown, gone when removed; and the keys of an account."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from sequence_paper.api.vault import VARIABLE, Vault, VaultError

SECRETS = {"api_key": "AK-qvx71-visible", "api_secret": "AS-zrw93-visible", "passphrase": "PP-kkd55-visible"}
EXTRA = {"signer_private_key": "0xPRIVATE-visible"}


def kraken(desk) -> dict[str, object]:
    return next(row for row in desk.ok("GET", "/credentials")["credentials"] if row["venue"] == "kraken")


@pytest.mark.parametrize("verb", ["PUT", "POST"])
def test_they_are_stored_listed_and_removed(desk, verb):
    assert kraken(desk)["stored"] is False
    stored = desk.ok(verb, "/credentials/kraken", SECRETS)
    assert stored == kraken(desk)
    assert (stored["stored"], stored["readable"], stored["status"]) == (True, True, "connected")
    desk.ok(verb, "/credentials/polymarket", {"api_key": "", "api_secret": "", "extra_json": EXTRA})
    away = {row["venue"]: row["status"] for row in desk.ok("GET", "/credentials")["credentials"]}
    assert away["polymarket"] == "disconnected"
    assert desk("DELETE", "/credentials/kraken")[0] == 204
    assert kraken(desk)["stored"] is False
    assert desk("DELETE", "/credentials/kraken")[0] == 404


def test_a_secret_is_in_no_answer_no_log_and_no_file_but_sealed(desk, paper, store):
    answers = [desk.ok("PUT", "/credentials/kraken", SECRETS | {"extra_json": EXTRA})]
    answers += [
        desk.ok("GET", "/credentials"),
        desk("PUT", "/credentials/kraken", SECRETS | {"api_key": ["x"]}),
    ]
    answers.append(desk("PUT", "/credentials/kraken", {**SECRETS, "visible": SECRETS["api_key"]}))
    assert "visible" not in str(answers).replace("visible: not a known key", "").replace(
        "'field': 'visible'", ""
    )
    for file in paper.folder.iterdir():
        if file.is_file():
            assert b"-visible" not in file.read_bytes(), file
    key = paper.folder / "paper.credentials-key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    [row] = store.credentials.all(desk.account.account_id, "sandbox")
    assert Vault(key).open(row) == SECRETS | {"extra_json": EXTRA}


def test_they_belong_to_an_account_and_mode(desk, new_desk):
    desk.ok("PUT", "/credentials/kraken", SECRETS)
    assert kraken(new_desk())["stored"] is False
    live = desk.other_mode()
    _, answer, _ = desk("GET", "/credentials", key=live)
    assert [row["stored"] for row in answer["credentials"] if row["venue"] == "kraken"] == [False]


@pytest.mark.parametrize(
    "body",
    [{}, {"api_key": "a", "api_secret": ""}, SECRETS | {"extra_json": "x" * 70_000}, SECRETS | {"note": 1}],
)
def test_what_is_no_credential_is_refused(desk, body):
    desk.error(422, "PUT", "/credentials/kraken", body)


class TestVault:
    def test_a_row_opens_only_for_whom_it_was_sealed(self, tmp_path):
        vault = Vault(tmp_path / "key")
        row = vault.seal("acct_1", "live", "kraken", SECRETS)
        assert vault.open(row) == SECRETS
        for moved in (
            replace(row, account_id="acct_2"),
            replace(row, mode="sandbox"),
            replace(row, venue="okx"),
            replace(row, sealed=row.sealed[:-1] + bytes([row.sealed[-1] ^ 1])),
        ):
            with pytest.raises(VaultError, match="store them again"):
                vault.open(moved)

    def test_equal_secrets_are_sealed_differently(self, tmp_path):
        vault = Vault(tmp_path / "key")
        first, second = (vault.seal("acct_1", "live", "kraken", SECRETS) for _ in range(2))
        assert first.sealed != second.sealed

    def test_a_lost_key_is_told(self, tmp_path):
        file = tmp_path / "key"
        row = Vault(file).seal("acct_1", "live", "kraken", SECRETS)
        assert Vault(file).opens(row)
        file.unlink()
        assert not Vault(file).opens(row)
        assert not file.exists()  # looking makes no key
        Vault(file).seal("acct_1", "live", "okx", SECRETS)
        assert not Vault(file).opens(row)

    def test_a_key_that_others_can_read_is_refused(self, tmp_path: Path):
        file = tmp_path / "key"
        Vault(file).seal("acct_1", "live", "kraken", SECRETS)
        file.chmod(0o640)
        with pytest.raises(VaultError, match="chmod 600"):
            Vault(file).seal("acct_1", "live", "kraken", SECRETS)

    def test_the_environment_comes_first(self, tmp_path):
        given = {VARIABLE: "ab" * 32}
        row = Vault(None, given).seal("acct_1", "live", "kraken", SECRETS)
        assert Vault(tmp_path / "key", given).open(row) == SECRETS
        assert not (tmp_path / "key").exists()
        with pytest.raises(VaultError, match="64 hex digits") as wrong:
            Vault(None, {VARIABLE: "secret"}).seal("acct_1", "live", "kraken", SECRETS)
        assert "secret" not in str(wrong.value).replace("SEQUENCE", "")
        with pytest.raises(VaultError, match="--credentials-key"):
            Vault(None, {}).seal("acct_1", "live", "kraken", SECRETS)


class TestKeys:
    def admin(self, desk) -> str:
        return desk.store.accounts.mint_key(desk.account.account_id, desk.mode, admin=True)

    def test_a_key_is_made_shown_once_rotated_and_ended(self, desk):
        admin = self.admin(desk)
        status, made, _ = desk("POST", "/api_keys", {"label": "bot", "sandbox": True}, key=admin)
        assert status == 201
        assert made["api_key"].startswith("seq_test_")
        listed = desk.ok("GET", "/api_keys")["api_keys"]
        assert [(row["label"], row["admin"]) for row in listed] == [("", False), ("", True), ("bot", False)]
        assert made["api_key"] not in str(listed)
        status, turned, _ = desk("POST", f"/api_keys/{made['key_id']}/rotate", key=admin)
        assert (status, turned["label"]) == (200, "bot")
        assert desk("GET", "/account", key=made["api_key"])[0] == 401
        assert desk("GET", "/account", key=turned["api_key"])[0] == 200
        assert desk("DELETE", f"/api_keys/{turned['key_id']}", key=admin)[0] == 204
        assert desk("GET", "/account", key=turned["api_key"])[0] == 401
        assert desk("DELETE", f"/api_keys/{turned['key_id']}", key=admin)[0] == 404

    def test_only_an_admin_changes_them_and_only_its_own(self, desk, new_desk):
        mine = desk.ok("GET", "/api_keys")["api_keys"][0]["key_id"]
        for method, path in (
            ("POST", "/api_keys"),
            ("POST", f"/api_keys/{mine}/rotate"),
            ("DELETE", f"/api_keys/{mine}"),
        ):
            assert (
                "admin"
                in desk.error(403, method, path, {} if path == "/api_keys" else None)["error"]["message"]
            )
        other = new_desk()
        assert other("DELETE", f"/api_keys/{mine}", key=self.admin(other))[0] == 404
        status, answer, _ = desk("POST", "/api_keys", {"sandbox": False}, key=self.admin(desk))
        assert (status, answer["error"]["code"]) == (403, "FORBIDDEN")
