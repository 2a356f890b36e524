"""`sequence login`: a key into the chosen context, and on request into the cluster."""

import base64
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from sequence_operator.cli.connect import cluster, cluster_error, execute, platform
from sequence_operator.cli.context import Context, Mode, load, resolve, save_context
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.output import View, show
from sequence_operator.cli.target import loopback, where
from sequence_operator.cli.terminal import interactive, say
from sequence_operator.cluster import ClusterError
from sequence_operator.cluster.client import CLI
from sequence_operator.cluster.resources import PLATFORM_ACCOUNTS
from sequence_operator.spec.names import API_VERSION, KEY_PREFIX

if TYPE_CHECKING:
    from sequence_operator.platform import Account

_KEY_DIGITS = 64
_DEFAULT_NAME = "default"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the flags of a login say about the context; "" for what they leave as it is."""

    base_url: str
    kubeconfig: str
    kube_context: str
    account: str

    def settings(self, flags: Globals, key: str) -> dict[str, str]:
        """The settings of the context to save."""
        given = {
            "base_url": self.base_url,
            "kubeconfig": self.kubeconfig,
            "kube_context": self.kube_context,
            "namespace": flags.namespace or "",
            "live_account" if flags.mode == "live" else "sandbox_account": self.account,
            "api_key" if flags.mode == "live" else "sandbox_api_key": key,
        }
        return {name: value for name, value in given.items() if value}


@command("login")
@click.option("--with-token", is_flag=True, help="Read the key from standard input instead of asking for it.")
@click.option("--base-url", default="", metavar="URL", help="Address of the platform, without /v1.")
@click.option("--kubeconfig", default="", metavar="FILE", help="Kubeconfig of the context's cluster.")
@click.option("--kube-context", default="", metavar="NAME", help="Context in that kubeconfig.")
@click.option("--account", default="", metavar="NAME", help="Name of the PlatformAccount of this mode.")
@click.option(
    "--write-secret/--no-write-secret", default=None, help="Write Secret and PlatformAccount too, or not."
)
@pass_globals
def login(
    flags: Globals,
    with_token: bool,
    base_url: str,
    kubeconfig: str,
    kube_context: str,
    account: str,
    write_secret: bool | None,
) -> None:
    """Store the API key of the live account, or with --sandbox of the sandbox account.

    The key is asked for without echo, checked against the platform, and written to the chosen context of the
    configuration file, which only you can read. It never appears in arguments or output.
    """
    name = _context_name(flags)
    wish = Wish(_url(base_url or _ask_url(name)), kubeconfig, kube_context, account)
    key = _check_key(_read_key(flags.mode, with_token), flags.mode)
    context = _preview(flags, name, wish.settings(flags, key))
    profile = execute(_ask_platform(context, flags.mode))
    before = load().current
    path = save_context(name, wish.settings(flags, key), make_current=flags.context is not None)
    say(f"{flags.mode} key stored in context {name} ({path})")
    if before not in ("", name) and load().current == name:
        say(f"the current context is now {name} (it was {before})")
    if _wants_secret(context, write_secret):
        execute(_write_account(context, flags.mode, key))
    text = f"{context.account(flags.mode)}  {profile.account_id or 'account'}  {flags.mode}"
    data: dict[str, object] = {
        "schema": "login/v1",
        "context": name,
        "mode": flags.mode,
        "account_id": profile.account_id,
        "tier": profile.tier,
    }
    show(View(data=data, text=text, names=[name]), flags.output)


def _context_name(flags: Globals) -> str:
    """The context to write: named, current, or a first one; it need not exist yet."""
    return flags.context or os.environ.get("SEQUENCE_CONTEXT") or load().current or _DEFAULT_NAME


def _ask_url(name: str) -> str:
    """The platform's address for a context that has none yet, from a person; "" when there is none to ask."""
    known = load().contexts.get(name, {}).get("base_url") or os.environ.get("SEQUENCE_BASE_URL")
    if known or not interactive():
        return ""
    address: str = click.prompt("Address of the platform (https://…)", err=True)
    return address.strip()


def _url(given: str) -> str:
    """The address without /v1; http is for this machine only, since the key travels with every call."""
    if given and not given.startswith("https://") and not loopback(given):
        raise CliError(
            f"{given!r} cannot be the platform's address",
            "it must begin with https:// (or be http:// on this machine)",
            "--base-url https://…",
            ExitCode.USAGE,
        )
    return given.rstrip("/").removesuffix("/v1")


def _preview(flags: Globals, name: str, settings: dict[str, str]) -> Context:
    """The context as it will be, without writing it: a key is checked before it replaces one that works."""
    known = load().contexts.get(name)
    base = resolve(name, flags.namespace) if known is not None else Context(name)
    merged = {s: getattr(base, s) for s in base.__slots__ if s != "name"} | settings
    context = Context(name=name, **merged)
    if not context.base_url:
        raise CliError(
            f"context {name!r} has no platform address yet",
            "a key is only good for the platform that issued it",
            f"sequence --context {name} login --base-url https://…",
            ExitCode.USAGE,
        )
    return context


def _read_key(mode: Mode, with_token: bool) -> str:
    if with_token:
        return sys.stdin.readline().strip()
    if not interactive():
        flag = "--sandbox " if mode == "sandbox" else ""
        raise CliError(
            "no key was given",
            "there is no terminal to ask on, and keys are never taken from arguments",
            f"sequence {flag}login --with-token < FILE   (or a pipe from your secret store)",
            ExitCode.USAGE,
        )
    key: str = click.prompt(f"{mode} API key ({KEY_PREFIX[mode]}…)", hide_input=True, err=True)
    return key.strip()


def _check_key(key: str, mode: Mode) -> str:
    """The key, when it has the form of one of this mode. The messages never show it."""
    other: Mode = "sandbox" if mode == "live" else "live"
    if key.startswith(KEY_PREFIX[other]):
        flag = "--sandbox " if other == "sandbox" else ""
        raise CliError(
            f"this is a {other} key",
            f"a {mode} key begins with {KEY_PREFIX[mode]}",
            f"sequence {flag}login   (stores it as the {other} key)",
            ExitCode.AUTH,
        )
    body = key.removeprefix(KEY_PREFIX[mode])
    if body == key or len(body) != _KEY_DIGITS or not set(body) <= set("0123456789abcdef"):
        raise CliError(
            "this is not an API key",
            f"a {mode} key is {KEY_PREFIX[mode]} and {_KEY_DIGITS} hexadecimal digits; this has {len(key)} characters",
            "copy the whole key from the platform and run the command again",
            ExitCode.AUTH,
        )
    return key


async def _ask_platform(context: Context, mode: Mode) -> "Account":
    async with platform(context, mode) as remote:
        profile = await remote.account()
    if profile.mode is not None and profile.mode != mode:
        raise CliError(
            f"the platform says this key belongs to a {profile.mode} account",
            f"context {context.name}, {context.url()}",
            "check the key; nothing was stored",
            ExitCode.AUTH,
        )
    return profile


def _wants_secret(context: Context, flag: bool | None) -> bool:
    if flag is not None:
        return flag
    if not (context.kubeconfig or context.kube_context) or not interactive():
        return False
    question = f"Write Secret and PlatformAccount into namespace {context.namespace} too?"
    return click.confirm(question, default=True, err=True)


async def _write_account(context: Context, mode: Mode, key: str) -> None:
    """Secret and PlatformAccount, so that the operator can use the account."""
    name = context.account(mode)
    async with cluster(context) as client:
        present = await client.find(PLATFORM_ACCOUNTS, name, context.namespace)
        reference = _fitting(present, context, mode, name)
        say(where(context, mode))
        try:
            await client.apply(_secret(context, reference, key), manager=CLI, force=True)
            if present is None:
                await client.apply(_platform_account(context, mode, name, reference), manager=CLI)
        except ClusterError as problem:
            raise cluster_error(problem) from None
    made = "" if present is None else " (was there)"
    say(f"wrote Secret {reference['name']} and PlatformAccount {name}{made}")


def _fitting(present: dict[str, Any] | None, context: Context, mode: Mode, name: str) -> dict[str, str]:
    """Where the account takes its key from. Raises CliError when an account of that name is another one."""
    if present is None:
        return {"name": f"sequence-{name}", "key": "apiKey"}
    spec = present["spec"]
    if spec["mode"] != mode or spec["endpoint"].rstrip("/") != context.url():
        raise CliError(
            f"PlatformAccount {name} is another account",
            f"it is {spec['mode']} at {spec['endpoint']}; mode and endpoint cannot be changed",
            "choose another name: sequence login --write-secret --account NAME",
            ExitCode.CONFLICT,
        )
    return {"name": spec["secretRef"]["name"], "key": spec["secretRef"].get("key", "apiKey")}


def _secret(context: Context, reference: dict[str, str], key: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": reference["name"], "namespace": context.namespace},
        "data": {reference["key"]: base64.b64encode(key.encode()).decode()},
    }


def _platform_account(context: Context, mode: Mode, name: str, reference: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "PlatformAccount",
        "metadata": {"name": name, "namespace": context.namespace},
        "spec": {"endpoint": context.url(), "mode": mode, "secretRef": reference},
    }
