"""Where cargo runs: in bubblewrap, as nobody in particular, seeing the sources, the toolchain and nothing else.

Inside there is no home, no token, no process of this machine, and no network but for the one step that downloads.
Paths are constant, so that what a compiler writes down of them is equal everywhere:

    /build   the sources, read-only          /cargo  downloaded crates, writable for the download only
    /target  the results                     /rust   the toolchain, read-only        /tmp  empty, in memory
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from sequence_operator.builder.rust import Rust
from sequence_operator.builder.settings import BuildLimits

UID = 64100
"""Owner of what a build writes, and of its processes. No account of any system has it."""

_TMP_BYTES = 256 << 20
_PROBE_SECONDS = 60.0
_CERTIFICATES = ("/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ca-certificates", "/etc/pki")
_NAMES = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/gai.conf")
_LINKERS = ("/etc/alternatives", "/etc/ld.so.cache")  # /usr/bin/cc is a link through the former


class SandboxMissingError(Exception):
    """There is no working sandbox; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of one build on this machine, and the configuration files of cargo for its two kinds of steps."""

    tree: Path
    target: Path
    cargo: Path
    online_config: Path
    offline_config: Path
    extra: tuple[Path, ...] = ()  # what those files name: mirrors in folders, certificates


@dataclass(frozen=True, slots=True)
class Paths:
    """The same folders as cargo sees them."""

    tree: PurePosixPath
    target: PurePosixPath
    cargo: PurePosixPath


class Sandbox(Protocol):
    """A way to run a command on the folders of a build."""

    isolated: bool

    def check(self) -> None:
        """Whether it works on this machine. Raises SandboxMissingError; blocking."""

    def paths(self, folders: Folders) -> Paths: ...

    def command(
        self,
        folders: Folders,
        folder: PurePosixPath,
        network: bool,
        env: Mapping[str, str],
        argv: Sequence[str],
    ) -> list[str]:
        """What to execute so that `argv` runs in `folder` (of `paths`) with exactly `env` and the limits."""

    def own(self, path: Path) -> None:
        """Give a folder to whoever builds."""


class Bubblewrap:
    """bubblewrap as root changes to another uid for real; as anyone else it takes a user namespace."""

    isolated = True

    def __init__(self, rust: Rust, limits: BuildLimits) -> None:
        self._rust, self._limits = rust, limits
        self._root = os.geteuid() == 0
        self._programs: dict[str, str | None] = {}

    def check(self) -> None:
        found = {name: shutil.which(name) for name in ("bwrap", "setpriv", "prlimit")}
        self._programs = {name: os.path.realpath(path) if path else None for name, path in found.items()}
        missing = [name for name, path in self._programs.items() if path is None]
        if missing:
            package = "bubblewrap" if "bwrap" in missing else "util-linux"
            raise SandboxMissingError(
                f"no {' and no '.join(missing)} on PATH, so nothing can be compiled safely; install {package}, "
                "or on a machine of your own start the builder with --unsandboxed"
            )
        command = [
            *self._isolation(network=False),
            "--clearenv",
            "--",
            *self._as_nobody(),
            "/rust/bin/rustc",
            "-V",
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise SandboxMissingError(f"bubblewrap gave no answer within {_PROBE_SECONDS:g} s") from None
        if done.returncode:
            raise SandboxMissingError(
                f"bubblewrap does not work here: {done.stderr.strip()}; it needs user namespaces "
                "(sysctl kernel.unprivileged_userns_clone=1, in a Pod also an unconfined seccomp and AppArmor "
                "profile), or root"
            )

    def paths(self, folders: Folders) -> Paths:
        return Paths(PurePosixPath("/build"), PurePosixPath("/target"), PurePosixPath("/cargo"))

    def own(self, path: Path) -> None:
        if self._root:
            os.chown(path, UID, UID)

    def command(
        self,
        folders: Folders,
        folder: PurePosixPath,
        network: bool,
        env: Mapping[str, str],
        argv: Sequence[str],
    ) -> list[str]:
        command = self._isolation(network)
        command += ["--ro-bind", str(folders.tree), "/build", "--bind", str(folders.target), "/target"]
        command += ["--bind" if network else "--ro-bind", str(folders.cargo), "/cargo"]
        config = folders.online_config if network else folders.offline_config
        command += ["--ro-bind", str(config), "/cargo/config.toml"]
        command += _shown(folders.extra)
        command += ["--chdir", str(folder), "--clearenv"]
        for name, value in env.items():
            command += ["--setenv", name, value]
        return [*command, "--", *self._limited(), *self._as_nobody(), *argv]

    def _isolation(self, network: bool) -> list[str]:
        command = [str(self._programs["bwrap"]), "--die-with-parent", "--new-session", "--unshare-pid"]
        command += ["--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "build"]
        if not network:
            command.append("--unshare-net")
        if self._root:
            command += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        else:
            command += ["--unshare-user", "--uid", str(UID), "--gid", str(UID)]
        command += ["--ro-bind", "/usr", "/usr"]
        for name in ("bin", "sbin", "lib", "lib32", "lib64"):
            top = Path("/", name)
            if top.is_symlink():
                command += ["--symlink", os.readlink(top), str(top)]
            elif top.is_dir():
                command += ["--ro-bind", str(top), str(top)]
        seen = (*_LINKERS, *((*_CERTIFICATES, *_NAMES) if network else ()))
        command += _shown([Path(path) for path in seen])
        command += ["--proc", "/proc", "--dev", "/dev"]
        command += ["--size", str(_TMP_BYTES), "--perms", "1777", "--tmpfs", "/tmp"]  # noqa: S108 -- its own
        return [*command, "--ro-bind", str(self._rust.sysroot), "/rust"]

    def _limited(self) -> list[str]:
        limits = self._limits
        values = {
            "as": limits.memory,
            "nproc": limits.processes,
            "fsize": limits.disk,
            "nofile": 4096,
            "core": 0,
        }
        return [str(self._programs["prlimit"]), *(f"--{name}={value}" for name, value in values.items())]

    def _as_nobody(self) -> list[str]:
        if not self._root:
            return []
        identity = [f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--no-new-privs", "--inh-caps=-all"]
        return [str(self._programs["setpriv"]), *identity]


def _shown(paths: Iterable[Path]) -> list[str]:
    """Read-only at their own places, where they exist. bubblewrap would make folders above them for root only."""
    command: list[str] = []
    for path in paths:
        for above in list(path.parents)[-2::-1]:
            command += ["--perms", "0755", "--dir", str(above)]
        command += ["--ro-bind-try", str(path), str(path)]
    return command


class Unsandboxed:
    """For a person's own machine and by an explicit flag only: a build may do what that person may."""

    isolated = False

    def __init__(self, limits: BuildLimits) -> None:
        self._limits = limits
        self._prlimit = shutil.which("prlimit")

    def check(self) -> None:
        return

    def paths(self, folders: Folders) -> Paths:
        return Paths(*(PurePosixPath(path) for path in (folders.tree, folders.target, folders.cargo)))

    def own(self, path: Path) -> None:
        return

    def command(
        self,
        folders: Folders,
        folder: PurePosixPath,
        network: bool,
        env: Mapping[str, str],
        argv: Sequence[str],
    ) -> list[str]:
        config = folders.online_config if network else folders.offline_config
        shutil.copyfile(config, folders.cargo / "config.toml")
        limited = [self._prlimit, f"--as={self._limits.memory}", "--core=0"] if self._prlimit else []
        given = [f"{name}={value}" for name, value in env.items()]
        return [*limited, "/usr/bin/env", "-C", str(folder), "-i", *given, *argv]
