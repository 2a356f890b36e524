"""Where the local stack keeps things, and how files with secrets are written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sequence_operator.local.errors import LocalError

SIGN = "sequence-local.txt"


def state_dir() -> Path:
    """Folder of the stack's data, keys and logs: ``$XDG_STATE_HOME/sequence/local``."""
    return _xdg("XDG_STATE_HOME", ".local/state") / "sequence" / "local"


def cache_dir() -> Path:
    """Folder of what can be made again (the control plane's binary): ``$XDG_CACHE_HOME/sequence``."""
    return _xdg("XDG_CACHE_HOME", ".cache") / "sequence"


def _xdg(variable: str, default: str) -> Path:
    value = os.environ.get(variable, "")
    # The XDG specification: a relative path is to be ignored.
    return Path(value) if value and Path(value).is_absolute() else Path.home() / default


def make_private(folder: Path) -> Path:
    """Create ``folder`` with mode 0700 and prove that it can be written; raise LocalError when it cannot."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as failure:
        raise _unwritable(folder, failure.strerror or str(failure)) from failure
    return folder


def require_writable(folder: Path) -> None:
    """Raise LocalError when ``folder`` could not be made or written; nothing is changed by asking."""
    nearest = folder
    while not nearest.exists():
        nearest = nearest.parent
    if not nearest.is_dir():
        raise _unwritable(folder, f"{nearest} is not a folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise _unwritable(folder, f"{nearest} is read-only for you")


def _unwritable(folder: Path, cause: str) -> LocalError:
    variable = "XDG_CACHE_HOME" if folder.is_relative_to(cache_dir()) else "XDG_STATE_HOME"
    hint = f"point {variable} to a folder of yours, for example: {variable}=/tmp/sequence-$USER sequence up"
    return LocalError(f"the folder {folder} cannot be written", cause=cause, hint=hint)


def claim(folder: Path) -> Path:
    """Make ``folder`` a state folder of ours, which `down --purge` may remove. LocalError if it holds other things."""
    make_private(folder)
    sign = folder / SIGN
    if not sign.exists():
        if any(folder.iterdir()):
            raise LocalError(
                f"{folder} is not a state folder of `sequence up`",
                cause="it is not empty, and nothing in it is ours",
                hint="name an empty or new folder with --state-dir",
                exit_code=6,
            )
        write_private(sign, "State of `sequence up`; `sequence down --purge` removes this folder.\n")
    return folder


def is_ours(folder: Path) -> bool:
    """Whether `claim` made this folder."""
    return (folder / SIGN).is_file()


def write_private(path: Path, content: str | bytes) -> None:
    """Replace ``path`` as a whole, readable by its owner only: a reader sees the old bytes or the new ones."""
    data = content.encode() if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:  # mkstemp made it 0600
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
