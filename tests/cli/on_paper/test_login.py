"""`login` against a real platform and API server: a key is checked, kept for its owner, and shown to nobody."""

import base64
import os
import pty
import re
import select
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sequence_operator.cli.context import load, save_context
from support.paper import Paper
from support.processes import PATIENCE

from ..conftest import KEY, Cli

SEQUENCE = Path(sys.executable).with_name("sequence")


@pytest.fixture
def local(paper: Paper, own_environment: Path) -> None:
    """A context that knows the platform's address and no key."""
    save_context("local", {"base_url": paper.url})


@pytest.mark.usefixtures("local")
@pytest.mark.parametrize(("mode", "flags"), [("live", []), ("sandbox", ["--sandbox"])])
def test_login_checks_a_key_and_keeps_it_for_its_owner(
    cli: Cli, keys: dict[str, str], own_environment: Path, mode: str, flags: list[str]
) -> None:
    done = cli(*flags, "login", "--with-token", input=keys[mode] + "\n")
    assert done.code == 0, done.err
    assert done.err == f"{mode} key stored in context local ({own_environment})\n"
    assert re.fullmatch(rf"{mode}  acct_\w+  {mode}\n", done.out)
    setting = "api_key" if mode == "live" else "sandbox_api_key"
    assert load().contexts["local"][setting] == keys[mode]
    assert stat.S_IMODE(own_environment.stat().st_mode) == 0o600
    assert keys[mode] not in done.out + done.err


@pytest.mark.usefixtures("local")
@pytest.mark.parametrize(
    ("flags", "key", "code", "says"),
    [
        ([], KEY["live"], 4, "error: the platform does not accept this live key\n"),
        ([], KEY["sandbox"], 4, "error: this is a sandbox key\ncause: a live key begins with seq_live_\n"
         "hint: sequence --sandbox login   (stores it as the sandbox key)\n"),
        (["--sandbox"], KEY["live"], 4, "error: this is a live key\n"),
        ([], "seq_live_abc", 4, "error: this is not an API key\n"),
        ([], "", 4, "error: this is not an API key\n"),
        ([], "seq_live_" + "z" * 64, 4, "error: this is not an API key\n"),
    ],
)  # fmt: skip
def test_a_key_that_is_no_good_is_not_stored(
    cli: Cli, flags: list[str], key: str, code: int, says: str
) -> None:
    before = load()
    done = cli(*flags, "login", "--with-token", input=key + "\n")
    assert (done.code, done.err.startswith(says)) == (code, True), done.err
    assert load() == before
    assert not key or key not in done.err


@pytest.mark.usefixtures("local")
def test_a_working_key_is_not_replaced_by_a_bad_one(cli: Cli, keys: dict[str, str]) -> None:
    assert cli("login", "--with-token", input=keys["live"]).code == 0
    assert cli("login", "--with-token", input=KEY["live"]).code == 4
    assert load().contexts["local"]["api_key"] == keys["live"]


def test_login_without_a_terminal_or_an_address(cli: Cli) -> None:
    save_context("bare", {})
    assert "no key was given" in cli("login").err
    done = cli("login", "--with-token", input=KEY["live"])
    assert (done.code, "context 'bare' has no platform address yet" in done.err) == (2, True)
    plain = cli("login", "--with-token", "--base-url", "http://api.example.com", input=KEY["live"])
    assert (plain.code, "it must begin with https://" in plain.err) == (2, True)


def test_login_with_an_unreachable_platform(cli: Cli) -> None:
    done = cli("login", "--with-token", "--base-url", "http://127.0.0.1:9/v1/", input=KEY["live"])
    assert done.code == 1
    assert done.err.startswith("error: the platform at http://127.0.0.1:9 cannot be reached\ncause: ")
    assert load().contexts == {}


def test_login_makes_a_new_context(cli: Cli, paper: Paper, keys: dict[str, str]) -> None:
    flags = ["--base-url", paper.url, "--kube-context", "prod-eu", "-n", "trading", "--account", "desk"]
    save_context("local", {})
    done = cli("login", "--with-token", *flags, "--context", "prod", input=keys["live"])
    assert (done.code, "the current context is now prod (it was local)\n" in done.err) == (0, True)
    assert load().current == "prod"
    expected = {
        "base_url": paper.url,
        "kube_context": "prod-eu",
        "namespace": "trading",
        "live_account": "desk",
    }
    assert load().contexts["prod"] == {**expected, "api_key": keys["live"]}


@pytest.mark.usefixtures("local")
def test_login_at_a_terminal_asks_without_echo(keys: dict[str, str]) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(SEQUENCE, [str(SEQUENCE), "login"])
    shown = _read_until(terminal, b"live API key")
    os.write(terminal, keys["live"].encode() + b"\n")
    shown += _read_until(terminal, b"stored in context local")
    _, ended = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(ended) == 0, shown
    assert keys["live"].encode() not in shown
    assert load().contexts["local"]["api_key"] == keys["live"]


def _read_until(terminal: int, words: bytes, timeout: float = PATIENCE) -> bytes:
    shown, deadline = b"", time.monotonic() + timeout
    while words not in shown:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"{words!r} did not come: {shown!r}"
        shown += os.read(terminal, 4096)
    return shown


def test_login_writes_secret_and_account_for_the_operator(
    cli: Cli, desk: dict[str, str], keys: dict[str, str], kubectl: Any
) -> None:
    done = cli("--sandbox", "login", "--with-token", "--write-secret", input=keys["sandbox"])
    assert done.code == 0, done.err
    assert "wrote Secret sequence-sandbox and PlatformAccount sandbox\n" in done.err
    secret = kubectl.get("secret", "sequence-sandbox")
    assert base64.b64decode(secret["data"]["apiKey"]).decode() == keys["sandbox"]
    made = kubectl.get("pacct", "sandbox")["spec"]
    assert (made["endpoint"], made["mode"], made["secretRef"]["name"]) == (
        desk["base_url"],
        "sandbox",
        "sequence-sandbox",
    )
    again = cli("--sandbox", "login", "--with-token", "--write-secret", input=keys["sandbox"])
    assert "PlatformAccount sandbox (was there)" in again.err
    other = cli("login", "--with-token", "--write-secret", "--account", "sandbox", input=keys["live"])
    assert other.code == 6
    assert "error: PlatformAccount sandbox is another account\n" in other.err


def test_init_offers_a_login_on_a_machine_without_a_context(
    paper: Paper, keys: dict[str, str], own_environment: Path
) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(SEQUENCE, [str(SEQUENCE), "init", "fresh"])
    for words, answer in (
        (b"Log in now?", "y"),
        (b"Address of the platform", paper.url),
        (b"live API key", keys["live"]),
    ):
        _read_until(terminal, words)
        os.write(terminal, answer.encode() + b"\n")
    _read_until(terminal, b"sequence --sandbox logs -f")
    _, ended = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(ended) == 0
    assert load().contexts["default"] == {"base_url": paper.url, "api_key": keys["live"]}
    assert Path("fresh/src/lib.rs").exists()
