"""How the operator was started: flags first, then ``SEQUENCE_OPERATOR_*`` variables, then defaults."""

from __future__ import annotations

import argparse
import ipaddress
import os
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sequence_operator.option_types import address, base_url, count, duration
from sequence_operator.spec.addresses import Network
from sequence_operator.spec.names import TOOLCHAIN_PATTERN

Address = tuple[str, int]
"""Host and port; port 0 asks for any free one."""

_TOOLCHAIN = re.compile(r"(?=\d+\.\d+)" + TOOLCHAIN_PATTERN.removeprefix("^").removesuffix("$") + r"\Z")


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in seconds. ``lease_namespace`` "" means the namespace of the kubeconfig context or the Pod.

    git_cache:    folder of the bare repositories; "" means one of this process's own, gone with it.
    tree_address: where published trees are served; None: nowhere, so nothing can be built from git.
    tree_base_url: how builders reach that address; "" means by the address itself.
    hook_address: where pushes are announced; None: sources are only polled.
    toolchain:    version of Rust that new builds ask for; "": nothing is built.
    """

    namespaces: tuple[str, ...]
    kubeconfig: str | None = None
    context: str | None = None
    health_host: str = "127.0.0.1"
    health_port: int = 8080
    warm_up: float = 5.0
    drain_timeout: float = 60.0
    create_grace: float = 30.0
    concurrency: int = 64
    cluster_name: str = ""
    lease_name: str = "sequence-operator"
    lease_namespace: str = ""
    lease_duration: float = 15.0
    identity: str = ""
    allow_addresses: tuple[Network, ...] = ()
    git_cache: str = ""
    tree_address: Address | None = None
    tree_base_url: str = ""
    hook_address: Address | None = None
    toolchain: str = ""
    log_format: str = "auto"
    log_level: str = "info"

    @property
    def trees(self) -> str:
        """Base of the addresses under which trees are published; "" when none are."""
        if self.tree_base_url or self.tree_address is None:
            return self.tree_base_url if self.tree_address is not None else ""
        host, port = self.tree_address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from problem


def _toolchain(text: str) -> str:
    if text and not _TOOLCHAIN.match(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a version of Rust such as 1.95.0")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sequence_operator.controller",
        description="Keeps the trading platform in the state that AlgoDeployment objects describe.",
        epilog="Every option is also read from SEQUENCE_OPERATOR_<NAME>, lists separated by commas.",
    )
    add = parser.add_argument
    add("--namespace", action="append", metavar="NS", help="serve this namespace; repeat for more (required)")
    add("--kubeconfig", metavar="PATH", help="kubeconfig file; default: the Pod's account, else KUBECONFIG")
    add("--context", metavar="NAME", help="context of the kubeconfig")
    add("--health-address", type=address, metavar="HOST:PORT", help="default 127.0.0.1:8080; port 0: any")
    add(
        "--warm-up",
        type=duration,
        metavar="5s",
        help="wait before a start where the platform names no warmth",
    )
    add("--drain-timeout", type=duration, metavar="60s", help="how long a Replace waits for open orders")
    add(
        "--create-grace",
        type=duration,
        metavar="30s",
        help="how long a lost registration may stay invisible",
    )
    add("--concurrency", type=count, metavar="N", help="objects worked on at once (default 64)")
    add("--cluster-name", metavar="NAME", help="told to the platform with every registration")
    add("--lease-name", metavar="NAME", help="default sequence-operator")
    add("--lease-namespace", metavar="NS", help="the operator's own namespace")
    add("--lease-duration", type=duration, metavar="15s", help="how long a silent holder still counts")
    add("--identity", metavar="NAME", help="who holds the Lease; default host name and process id")
    add("--allow-address", action="append", type=_network, metavar="CIDR", help="artifact urls may lead here")
    add("--git-cache", metavar="DIR", help="keep clones of AlgoSources here; default: a temporary folder")
    add("--tree-address", type=address, metavar="HOST:PORT", help="serve the trees that builders fetch here")
    add(
        "--tree-base-url",
        type=base_url,
        metavar="URL",
        help="how builders reach --tree-address; default: http://HOST:PORT",
    )
    add("--hook-address", type=address, metavar="HOST:PORT", help="take the webhooks of git servers here")
    add(
        "--build-toolchain",
        type=_toolchain,
        dest="toolchain",
        metavar="1.95.0",
        help="version of Rust for new builds; without it nothing is built",
    )
    add("--log-format", choices=("auto", "json", "console"), help="auto: JSON unless stderr is a terminal")
    add("--log-level", choices=("debug", "info", "warning", "error"), help="default info")
    return parser


def parse(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from a command line. Ends the process with code 2 and one sentence when they make no sense."""
    parser = _parser()
    environment = os.environ if environment is None else environment
    given = vars(parser.parse_args([*_from_environment(parser, arguments, environment), *arguments]))
    if not given["namespace"]:
        parser.error("name at least one --namespace to serve (or set SEQUENCE_OPERATOR_NAMESPACES)")
    if given["tree_base_url"] and given["tree_address"] is None:
        parser.error("--tree-base-url says how to reach --tree-address: give that too")
    if given["tree_address"] is not None and given["tree_address"][1] == 0 and not given["tree_base_url"]:
        parser.error("--tree-address needs a port, for builders are told how to reach it")
    health_host, health_port = given["health_address"] or ("127.0.0.1", 8080)
    chosen = {
        name: given[name]
        for name in (
            "kubeconfig",
            "context",
            "warm_up",
            "drain_timeout",
            "create_grace",
            "concurrency",
            "cluster_name",
            "lease_name",
            "lease_namespace",
            "lease_duration",
            "git_cache",
            "tree_address",
            "tree_base_url",
            "hook_address",
            "toolchain",
            "log_format",
            "log_level",
        )
        if given[name] is not None
    }
    return Settings(
        namespaces=tuple(dict.fromkeys(given["namespace"])),
        health_host=health_host,
        health_port=health_port,
        identity=given["identity"] or f"{socket.gethostname()}-{os.getpid()}",
        allow_addresses=tuple(given["allow_address"] or ()),
        **chosen,
    )


def _from_environment(
    parser: argparse.ArgumentParser, arguments: Sequence[str], environment: Mapping[str, str]
) -> list[str]:
    """The variables as the flags they stand for, put before the real ones; a list given by flags replaces
    them.

    SEQUENCE_OPERATOR_NAMESPACE is where the operator itself lives (a Pod's own namespace), the served
    ones are in SEQUENCE_OPERATOR_NAMESPACES.
    """
    lists = {"namespace": "NAMESPACES", "allow_address": "ALLOW_ADDRESSES"}
    special = {"lease_namespace": "NAMESPACE", "toolchain": "BUILD_TOOLCHAIN"}
    made: list[str] = []
    for action in parser._actions:
        flag = action.option_strings[-1] if action.option_strings else ""
        if action.dest == "help" or not flag:
            continue
        suffix = lists.get(action.dest) or special.get(action.dest) or action.dest.upper()
        value = environment.get(f"SEQUENCE_OPERATOR_{suffix}", "")
        given = any(argument == flag or argument.startswith(f"{flag}=") for argument in arguments)
        if not value or given:
            continue
        parts = value.split(",") if action.dest in lists else [value]
        made += [f"{flag}={part.strip()}" for part in parts if part.strip()]
    return made
