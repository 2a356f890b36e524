"""cargo's surroundings: an environment with nothing of ours in it, and a configuration reduced to where crates are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli
import tomlkit

from sequence_operator.builder.rust import Rust
from sequence_operator.builder.sandbox import Paths

_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
_ONLINE_NET = ("retry", "offline")


class ConfigError(Exception):
    """The file of --cargo-config cannot be used; the text says why."""


def configuration(path: str) -> tuple[str, str, tuple[Path, ...]]:
    """From the builder's own config.toml: what a download may see, what a compilation may see, and the paths in it.

    The second has no token, no proxy and no certificate, for code of strangers may read it. Raises ConfigError.
    """
    if not path:
        return "", "", ()
    try:
        given = tomli.loads(Path(path).read_text())
    except (OSError, UnicodeDecodeError, tomli.TOMLDecodeError) as problem:
        raise ConfigError(f"{path}: {problem}") from None
    where = {
        key: given[key] for key in ("source", "registries", "registry") if isinstance(given.get(key), dict)
    }
    online: dict[str, Any] = dict(where)
    if isinstance(given.get("http"), dict):
        online["http"] = given["http"]
    if isinstance(given.get("net"), dict):
        online["net"] = {key: value for key, value in given["net"].items() if key in _ONLINE_NET}
    return tomlkit.dumps(online), tomlkit.dumps(_without_secrets(where)), tuple(_paths(online))


def _without_secrets(value: Any) -> Any:  # noqa: ANN401 -- any TOML value
    if isinstance(value, dict):
        kept = (
            (k, v)
            for k, v in value.items()
            if k not in ("token", "credential-provider", "global-credential-providers")
        )
        return {key: _without_secrets(part) for key, part in kept}
    return value


def _paths(config: Mapping[str, Any]) -> list[Path]:
    named = [(config.get("http") or {}).get("cainfo")]
    for source in (config.get("source") or {}).values():
        named += [source.get("directory"), source.get("local-registry")] if isinstance(source, dict) else []
    return [Path(name) for name in named if isinstance(name, str) and os.path.isabs(name)]


def environment(rust: Rust, paths: Paths, *, isolated: bool, network: bool) -> dict[str, str]:
    """All variables of a step. Only the download gets the proxies of ours."""
    programs = "/rust/bin" if isolated else str(rust.programs)
    env = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "CARGO_HOME": str(paths.cargo),
        "CARGO_TARGET_DIR": str(paths.target),
        "CARGO_TERM_COLOR": "never",
        "CARGO_INCREMENTAL": "0",
    }
    if not network:
        return env | {"CARGO_ENCODED_RUSTFLAGS": "\x1f".join(_flags(paths))}
    for name in _PROXIES:
        for spelling in (name, name.upper()):
            if spelling in os.environ:
                env[spelling] = os.environ[spelling]
    return env | {"CARGO_NET_RETRY": "2"}


def _flags(paths: Paths) -> list[str]:
    """The host's functions stay imports, and no path of this machine gets into the module."""
    return [
        "-C",
        "link-arg=--allow-undefined",
        f"--remap-path-prefix={paths.cargo}=/cargo",
        f"--remap-path-prefix={paths.tree}=/build",
    ]
