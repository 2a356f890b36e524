"""Write a file as a whole: a reader sees the old bytes or the new ones, also when the machine stops in between."""

import os
import tempfile
from pathlib import Path


def replace(path: Path, text: str, mode: int | None = None) -> None:
    """Put `text` in place of what is there. mode: permissions; None leaves it to its owner alone. Raises OSError."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:  # mkstemp made it 0600
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
