"""Which cluster, namespace, accounts and keys a command works with.

The file is TOML: `current = "NAME"`, and one table `[context.NAME]` a context. Flags win over the
environment, which wins over the chosen context. kubectl's own current context is never used: a context names
its kubeconfig or its kube_context, or there is no cluster.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sequence_operator.cli.context_file import SETTINGS, config_path, load, remove_context, save_context
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.spec.names import KEY_PREFIX, Mode

__all__ = ["Context", "Mode", "config_path", "load", "remove_context", "resolve", "save_context"]


@dataclass(frozen=True, slots=True)
class Context:
    """One resolved context. An empty string means: not configured. Keys never appear in the repr."""

    name: str
    kubeconfig: str = ""
    kube_context: str = ""
    namespace: str = "default"
    base_url: str = ""
    live_account: str = "live"
    sandbox_account: str = "sandbox"
    api_key: str = field(default="", repr=False)
    sandbox_api_key: str = field(default="", repr=False)

    def account(self, mode: Mode) -> str:
        """The name of the PlatformAccount that commands of this mode write to."""
        return self.live_account if mode == "live" else self.sandbox_account

    def key(self, mode: Mode) -> str:
        """The API key of this mode. Raises CliError (auth) when none is stored."""
        key = self.api_key if mode == "live" else self.sandbox_api_key
        if not key:
            login = "sequence login" if mode == "live" else "sequence --sandbox login"
            raise CliError(
                f"no {mode} API key in context {self.name!r}",
                f"neither the environment nor {config_path()} holds one",
                login,
                ExitCode.AUTH,
            )
        return key

    def url(self) -> str:
        """The platform's base URL without a trailing slash. Raises CliError when none is configured."""
        if not self.base_url:
            raise CliError(
                f"context {self.name!r} has no base_url",
                "without it the platform cannot be asked",
                f"sequence --context {self.name} login --base-url https://…",
                ExitCode.USAGE,
            )
        return self.base_url.rstrip("/")


def resolve(
    name: str | None = None,
    namespace: str | None = None,
    env: Mapping[str, str] | None = None,
    path: Path | None = None,
) -> Context:
    """The context to work with. `name` and `namespace` are the flags.

    Raises CliError (usage) when a named context does not exist, or when nothing at all is configured.
    """
    env = os.environ if env is None else env
    config = load(path or config_path(env))
    chosen = name or env.get("SEQUENCE_CONTEXT") or config.current
    if chosen and chosen not in config.contexts:
        known = ", ".join(sorted(config.contexts)) or "none"
        raise CliError(
            f"there is no context {chosen!r}",
            f"{config_path(env)} has: {known}",
            "sequence up --detach   (makes the context `local`), or `sequence login --context NAME`",
            ExitCode.USAGE,
        )
    overrides = _from_environment(env)
    if not chosen and not overrides:
        raise CliError(
            "no context is configured",
            f"{config_path(env)} names none and no SEQUENCE_… variable is set",
            "sequence up --detach   (runs everything on this machine), or `sequence login --context NAME`",
            ExitCode.USAGE,
        )
    known_settings = {k: v for k, v in config.contexts.get(chosen, {}).items() if k in SETTINGS}
    context = Context(name=chosen or "environment", **(known_settings | overrides))
    return replace(context, namespace=namespace) if namespace else context


def _from_environment(env: Mapping[str, str]) -> dict[str, str]:
    """SEQUENCE_<SETTING>, and the two names the platform's own documents use. A test key always counts as sandbox."""
    found = {s: env[f"SEQUENCE_{s.upper()}"] for s in SETTINGS if env.get(f"SEQUENCE_{s.upper()}")}
    for variable in ("SEQ_TEST_KEY", "SEQ_API_KEY"):
        if env.get(variable):
            found.setdefault("sandbox_api_key" if variable == "SEQ_TEST_KEY" else "api_key", env[variable])
    if found.get("api_key", "").startswith(KEY_PREFIX["sandbox"]):
        found.setdefault("sandbox_api_key", found.pop("api_key"))
    return found
