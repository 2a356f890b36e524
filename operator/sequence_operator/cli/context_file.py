"""The configuration file: read with care, written whole, atomically and for its owner only."""

import fcntl
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sequence_operator.cli import files
from sequence_operator.cli.errors import CliError, ExitCode

SETTINGS = (
    "kubeconfig",
    "kube_context",
    "namespace",
    "base_url",
    "live_account",
    "sandbox_account",
    "api_key",
    "sandbox_api_key",
)
"""The keys of a `[context.NAME]` table, all strings."""

_HEADER = "# Written by `sequence`. Holds API keys: keep it to yourself (mode 0600).\n"


@dataclass(frozen=True, slots=True)
class Config:
    """The file as read: every context's own keys, and which one is current ("" when none)."""

    current: str
    contexts: dict[str, dict[str, str]]


def config_path(env: Mapping[str, str] | None = None) -> Path:
    """`$SEQUENCE_CONFIG`, else `~/.sequence/config.toml`."""
    env = os.environ if env is None else env
    chosen = env.get("SEQUENCE_CONFIG")
    return Path(chosen).expanduser() if chosen else Path.home() / ".sequence" / "config.toml"


def load(path: Path | None = None) -> Config:
    """Read the file; a missing one is an empty configuration. Raises CliError for one that cannot be understood."""
    path = path or config_path()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Config("", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise CliError(
            f"cannot read {path}",
            getattr(problem, "strerror", None) or str(problem),
            f"correct or remove {path}, then `sequence login`; or name another file in SEQUENCE_CONFIG",
            ExitCode.USAGE,
        ) from None
    contexts = data.get("context", {})
    current = data.get("current", "")
    if not isinstance(contexts, dict) or not isinstance(current, str):
        raise _bad_file(path, "`current` must be a string and `context` a table")
    for name, table in contexts.items():
        if not isinstance(table, dict) or not all(isinstance(v, str) for v in table.values()):
            raise _bad_file(path, f"[context.{name}] must hold strings only")
    return Config(current, contexts)


def _bad_file(path: Path, cause: str) -> CliError:
    return CliError(f"cannot use {path}", cause, f"correct {path}", ExitCode.USAGE)


def save_context(
    name: str, mapping: Mapping[str, str], *, make_current: bool = True, path: Path | None = None
) -> Path:
    """Merge `mapping` (keys of context.SETTINGS; "" removes one) into `[context.NAME]` and return the file's
    path.

    Other contexts stay as they are. Raises CliError when the file or its folder cannot be written.
    """
    unknown = sorted(set(mapping) - set(SETTINGS))
    if unknown:
        raise ValueError(f"not settings of a context: {', '.join(unknown)}")
    path = path or config_path()
    with _locked(path):
        config = load(path)
        table = {k: v for k, v in (config.contexts.get(name, {}) | dict(mapping)).items() if v}
        current = name if make_current or not config.current else config.current
        _replace(path, Config(current, config.contexts | {name: table}))
    return path


def remove_context(name: str, *, path: Path | None = None) -> None:
    """Forget one context, if it is there; `current` is cleared when it named it."""
    path = path or config_path()
    if not path.exists():
        return
    with _locked(path):
        config = load(path)
        contexts = {k: v for k, v in config.contexts.items() if k != name}
        _replace(path, Config("" if config.current == name else config.current, contexts))


def render(config: Config) -> str:
    """The file's text."""
    lines = [_HEADER, f"current = {_quoted(config.current)}\n"]
    for name, table in sorted(config.contexts.items()):
        lines.append(f"\n[context.{_quoted(name)}]\n")
        lines += [f"{key} = {_quoted(value)}\n" for key, value in table.items()]
    return "".join(lines)


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes, and DEL, which TOML wants escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two commands that write at once must not lose each other's context."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as problem:
        raise _unwritable(path, problem) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _replace(path: Path, config: Config) -> None:
    try:
        files.replace(path, render(config))
    except OSError as problem:
        raise _unwritable(path, problem) from None


def _unwritable(path: Path, problem: OSError) -> CliError:
    return CliError(
        f"cannot write {path}",
        problem.strerror or str(problem),
        "export SEQUENCE_CONFIG=FILE, with a file in a folder you may write to",
    )
