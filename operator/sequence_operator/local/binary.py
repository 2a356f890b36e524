"""Find the control plane's binary: the one named by the user, the cached one, or a fresh build."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import time
from pathlib import Path

from sequence_operator import assets
from sequence_operator.local import gobuild
from sequence_operator.local.errors import LocalError
from sequence_operator.local.filelock import FileLock
from sequence_operator.local.folders import cache_dir, make_private
from sequence_operator.local.talk import Talk

NAME = "sequence-controlplane"
UNUSED_AFTER = 30 * 24 * 3600  # seconds
VARIABLE = "SEQUENCE_CONTROLPLANE"
USUAL_FOLDER = "/usr/local/go/bin"  # where Go's own installer puts it, often outside PATH


def resolve(talk: Talk) -> Path:
    """The path of a runnable binary, built when there is none (about 4 minutes on 2 cores, once).

    Raises LocalError when ``SEQUENCE_CONTROLPLANE`` names no program, Go is missing, the build fails, or the cache
    cannot be written.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return _named(Path(named))
    source = assets.path("controlplane")
    target = cached_path(source)
    if target.exists():
        with contextlib.suppress(PermissionError):  # a cache that an administrator filled
            os.utime(target)  # when it was last used
        return target
    go = find_go()
    folder = make_private(target.parent)
    _forget_old(target)
    lock = FileLock(folder / "build.lock")
    if not lock.acquire(wait=False):
        talk.say(f"another build of the control plane is running (process {lock.holder()}); waiting for it")
        lock.acquire(wait=True)
    with lock:
        if not target.exists():
            gobuild.build(go, source, target, talk)
    return target


def cached_path(source: Path) -> Path:
    """Where the binary of this source and machine is kept."""
    return cache_dir() / "controlplane" / module_hash(source) / NAME


def module_hash(source: Path) -> str:
    """16 hex digits of everything that decides the binary: the module's files, the flags, the machine."""
    digest = hashlib.sha256()
    files = [source / "go.mod", source / "go.sum", *source.glob("*.go")]
    for file in sorted(files):
        if not file.name.endswith("_test.go"):
            content = file.read_bytes()
            digest.update(f"{file.name} {len(content)}\n".encode() + content)
    digest.update(" ".join(gobuild.flags(source)).encode())
    digest.update(f"{platform.system()} {platform.machine()}".encode())
    return digest.hexdigest()[:16]


def _forget_old(target: Path) -> None:
    """Remove binaries of other versions that nobody used for a month: each is 160 MB."""
    for other in target.parent.parent.glob(f"*/{NAME}"):
        if other != target and time.time() - other.stat().st_mtime > UNUSED_AFTER:
            shutil.rmtree(other.parent)


def find_go() -> Path:
    """The go command, from PATH or where its installer puts it."""
    found = shutil.which("go") or shutil.which("go", path=USUAL_FOLDER)
    if found is None:
        raise LocalError(
            "the local control plane has to be built once, and Go was not found",
            cause=f"no `go` in PATH and none in {USUAL_FOLDER}",
            hint=f"install Go 1.26 (go.dev/dl), or set {VARIABLE} to a built binary, "
            "or use a cluster you have: sequence up --kube-context NAME",
            exit_code=5,
        )
    return Path(found)


def _named(path: Path) -> Path:
    if not path.is_file() or not os.access(path, os.X_OK):
        raise LocalError(
            f"{VARIABLE}={path} is not a program",
            cause="no such file" if not path.exists() else "the file is not executable",
            hint=f"unset {VARIABLE} (it is then built), or point it to a {NAME} binary",
            exit_code=5,
        )
    return path.absolute()
