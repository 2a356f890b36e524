"""The files of a new algo project."""

import re
import shutil
import tempfile
from pathlib import Path

from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.spec.names import DEPLOYMENT_PATTERN

_TEMPLATES = Path(__file__).with_name("scaffold")
# Names that cargo or rustc refuse for a crate, or that would shadow a crate every program sees.
_TAKEN = re.compile(
    "abstract|algo_sdk|alloc|as|async|await|become|box|break|build|const|continue|core|crate|deps|do|dyn|else|"
    "enum|examples|extern|false|final|fn|for|gen|if|impl|in|incremental|let|loop|macro|match|mod|move|mut|"
    "override|priv|proc_macro|pub|ref|return|self|static|std|struct|super|test|trait|true|try|type|typeof|"
    "unsafe|unsized|use|virtual|where|while|yield"
)


def crate_name(name: str) -> str:
    """A package name cargo accepts: lower case (rustc warns otherwise), not a keyword, no leading digit."""
    lower = name.lower()
    if _TAKEN.fullmatch(lower.replace("-", "_")) or not lower[0].isalpha():
        return f"algo-{lower}"
    return lower


def write(name: str, folder: Path) -> list[str]:
    """Create `folder` with the project `name`; returns the files' relative paths, sorted.

    All or nothing: the tree is written beside its place and moved there. Raises CliError for a bad name, for
    a folder that exists, or where nothing can be written.
    """
    if not re.fullmatch(DEPLOYMENT_PATTERN, name):
        raise CliError(
            f"{name!r} cannot be the name of a deployment",
            "a name has 1 to 63 letters, digits, - and _, and begins with a letter or digit",
            "sequence init my-algo",
            ExitCode.USAGE,
        )
    if folder.exists():
        raise CliError(
            f"{folder} already exists",
            "init never writes into an existing directory",
            f"choose another name, or remove {folder}",
            ExitCode.CONFLICT,
        )
    try:
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder.parent) as temporary:
            tree = Path(temporary) / name
            files = [
                _file(source, tree, name) for source in sorted(_TEMPLATES.rglob("*")) if source.is_file()
            ]
            shutil.move(tree, folder)
    except OSError as problem:
        raise CliError(
            f"cannot create {folder}",
            problem.strerror or str(problem),
            "run it in a directory you may write to",
        ) from None
    return sorted(files)


def _file(source: Path, tree: Path, name: str) -> str:
    """One template to its place; a leading `dot-` stands for the dot, which packaging tools like to skip."""
    parts = source.relative_to(_TEMPLATES).parts
    relative = Path(*("." + part.removeprefix("dot-") if part.startswith("dot-") else part for part in parts))
    target = tree / relative
    target.parent.mkdir(parents=True, exist_ok=True)
    text = source.read_text(encoding="utf-8").replace("@NAME@", name).replace("@CRATE@", crate_name(name))
    target.write_text(text, encoding="utf-8")
    return str(relative)
