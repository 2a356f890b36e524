"""How the builder was started: flags first, then ``SEQUENCE_BUILDER_*`` variables, then defaults."""

from __future__ import annotations

import argparse
import os
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sequence_operator.option_types import address, base_url, count, duration

ANY = "*"
"""On the list of packages that may run code while they are built: all of them, the repository's own included."""

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


@dataclass(frozen=True, slots=True)
class BuildLimits:
    """What one build may use. seconds: from download to artifact; memory: bytes of address space of each process;
    disk: bytes it may leave in its folders; processes: at once, threads count; output: bytes of what cargo says.
    """

    seconds: float = 600.0
    memory: int = 4 << 30
    disk: int = 2 << 30
    processes: int = 256
    output: int = 8 << 20


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in seconds. cargo_config "" means: the builder's own $CARGO_HOME/config.toml, where there is one."""

    namespace: str
    trees: str
    work: Path
    holder: str
    kubeconfig: str | None = None
    context: str | None = None
    cargo_config: str = ""
    build_scripts: frozenset[str] = frozenset()
    sources: tuple[str, ...] = ()
    unsandboxed: bool = False
    limits: BuildLimits = field(default_factory=BuildLimits)
    claim: float = 60.0
    retry: float = 10.0
    health_host: str = "127.0.0.1"
    health_port: int = 8080
    log_format: str = "auto"
    log_level: str = "info"


def _size(text: str) -> int:
    found = re.fullmatch(r"(\d+)\s*([kmg]?)i?b?", text.strip().lower())
    if not found or not int(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 512Mi or 2Gi")
    return int(found[1]) * _UNITS[found[2]]


def _names(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(",") if part.strip())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sequence_operator.builder",
        description="Compiles the AlgoBuilds of one namespace, each in a sandbox without network and without secrets.",
        epilog="Every option is also read from SEQUENCE_BUILDER_<NAME>.",
    )
    add = parser.add_argument
    add("--namespace", metavar="NS", help="whose AlgoBuilds (required)")
    add("--trees", type=base_url, metavar="URL", help="where the operator publishes sources (required)")
    add(
        "--work",
        type=Path,
        metavar="DIR",
        help="folder of its own for sources, caches and results (required)",
    )
    add("--holder", metavar="NAME", help="name on its claims, unique per builder; default the host's name")
    add("--kubeconfig", metavar="PATH", help="kubeconfig file; default: the Pod's account, else KUBECONFIG")
    add("--context", metavar="NAME", help="context of the kubeconfig")
    add(
        "--cargo-config",
        metavar="FILE",
        help="cargo's config.toml: mirrors and proxy; default that of CARGO_HOME",
    )
    add(
        "--allow-build-scripts",
        type=_names,
        metavar="NAME,…",
        help="crates of the registry whose build scripts and macros may run; * means all, the repository's too",
    )
    add(
        "--allow-source",
        action="append",
        metavar="PREFIX",
        help="take crates from here too (crates.io always)",
    )
    add(
        "--unsandboxed",
        action="store_true",
        help="compile without a sandbox: for a machine of one's own only",
    )
    add("--timeout", type=duration, metavar="10m", help="time for one build")
    add("--memory", type=_size, metavar="4Gi", help="address space of each process of a build")
    add("--disk", type=_size, metavar="2Gi", help="what a build may write")
    add("--processes", type=count, metavar="256", help="processes and threads of a build")
    add("--claim", type=duration, metavar="60s", help="how long a builder that fell silent still counts")
    add("--retry", type=duration, metavar="10s", help="first pause before another attempt; doubled each time")
    add("--health-address", type=address, metavar="HOST:PORT", help="default 127.0.0.1:8080; port 0: any")
    add("--log-format", choices=("auto", "json", "console"), help="auto: JSON unless stderr is a terminal")
    add("--log-level", choices=("debug", "info", "warning", "error"), help="default info")
    return parser


def parse(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from a command line. Ends the process with code 2 and one sentence when they make no sense."""
    parser = _parser()
    environment = os.environ if environment is None else environment
    given = vars(parser.parse_args([*_from_environment(parser, arguments, environment), *arguments]))
    for required in ("namespace", "trees", "work"):
        if not given[required]:
            parser.error(f"name --{required} (or set SEQUENCE_BUILDER_{required.upper()})")
    usual = BuildLimits()
    limits = BuildLimits(
        seconds=given["timeout"] or usual.seconds,
        memory=given["memory"] or usual.memory,
        disk=given["disk"] or usual.disk,
        processes=given["processes"] or usual.processes,
    )
    host, port = given["health_address"] or ("127.0.0.1", 8080)
    names = ("kubeconfig", "context", "claim", "retry", "log_format", "log_level")
    return Settings(
        namespace=given["namespace"],
        trees=given["trees"],
        work=given["work"].absolute(),
        holder=given["holder"] or socket.gethostname(),
        cargo_config=given["cargo_config"] or _own_config(environment),
        build_scripts=given["allow_build_scripts"] or frozenset(),
        sources=tuple(given["allow_source"] or ()),
        unsandboxed=given["unsandboxed"],
        limits=limits,
        health_host=host,
        health_port=port,
        **{name: given[name] for name in names if given[name] is not None},
    )


def _own_config(environment: Mapping[str, str]) -> str:
    home = environment.get("CARGO_HOME") or os.path.join(environment.get("HOME", ""), ".cargo")
    found = (os.path.join(home, name) for name in ("config.toml", "config"))
    return next((path for path in found if os.path.isabs(path) and os.path.isfile(path)), "")


def _from_environment(
    parser: argparse.ArgumentParser, arguments: Sequence[str], environment: Mapping[str, str]
) -> list[str]:
    """The variables as the flags they stand for, put before the real ones."""
    made: list[str] = []
    for action in parser._actions:
        flag = action.option_strings[-1] if action.option_strings else ""
        value = environment.get(f"SEQUENCE_BUILDER_{action.dest.upper()}", "")
        given = any(argument == flag or argument.startswith(f"{flag}=") for argument in arguments)
        if action.dest == "help" or not value or given:
            continue
        if action.nargs == 0:
            made += [flag] if value.lower() in ("1", "true", "yes") else []
        else:
            made.append(f"{flag}={value}")
    return made
