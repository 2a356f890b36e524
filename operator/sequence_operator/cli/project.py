"""The project in a directory: its Sequence.toml, its module, and where it stands in git."""

from pathlib import Path
from typing import TYPE_CHECKING

from sequence_operator.artifact.build import Built, build, load
from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.terminal import say
from sequence_operator.spec.names import FILE_NAME

if TYPE_CHECKING:
    from sequence_operator.spec.sequence_toml import SequenceFile


def read(path: Path = Path(FILE_NAME)) -> "SequenceFile":
    """The file, checked. Raises CliError (usage) that carries every problem with its line and column."""
    from sequence_operator.spec import sequence_toml
    from sequence_operator.spec.problems import SpecError

    try:
        return sequence_toml.load(path)
    except FileNotFoundError:
        raise not_there(path) from None
    except OSError as problem:
        raise CliError(f"cannot read {path}", problem.strerror or str(problem), "", ExitCode.USAGE) from None
    except SpecError as problem:
        count = len(problem.problems)
        raise CliError(
            f"{path} has {count} problem{'s' if count > 1 else ''}",
            str(problem),
            f"correct {path} at these lines",
            ExitCode.USAGE,
        ) from None


def not_there(path: Path) -> CliError:
    """The file is missing."""
    return CliError(
        f"there is no {path}",
        "an algo's directory has one beside Cargo.toml",
        "cd into the algo's directory, or make one: sequence init NAME",
        ExitCode.USAGE,
    )


def module(project: Path, file: "SequenceFile | None", *, skip_build: bool = False) -> Built:
    """Build the module, or take the one that is there, and inspect it. Raises CliError with the way out."""
    declared = project / file.build.wasm if file and file.build.wasm else None
    ready = (declared or _default(project)) if skip_build or (file and file.build.prebuilt) else None
    try:
        return load(ready) if ready else build(project, say=say, forward=say, wasm=declared)
    except ArtifactError as problem:
        cause = f"{ready}: {problem.reason}" if ready else f"reason {problem.reason}"
        raise CliError(problem.message, cause, problem.hint) from None


def _default(project: Path) -> Path:
    """Where cargo puts the module of the package in `project`, unless told otherwise."""
    import os
    import tomllib

    try:
        manifest = tomllib.loads((project / "Cargo.toml").read_text(encoding="utf-8"))
        name = manifest.get("lib", {}).get("name") or manifest["package"]["name"]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as problem:
        raise CliError(
            f"cannot tell where the module of {project} is",
            f"Cargo.toml: {problem}",
            'say it in Sequence.toml: [build] wasm = "path/to/algo.wasm"',
            ExitCode.USAGE,
        ) from None
    target = Path(os.environ.get("CARGO_TARGET_DIR") or project / "target")
    return target / "wasm32-unknown-unknown" / "release" / f"{name.replace('-', '_')}.wasm"
