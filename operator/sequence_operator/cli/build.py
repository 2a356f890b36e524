"""`sequence build`."""

from pathlib import Path

from sequence_operator.artifact.build import LARGE, Built
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.output import View, facts, show, table
from sequence_operator.cli.project import module, read
from sequence_operator.cli.terminal import say, warn
from sequence_operator.spec.names import FILE_NAME


@command("build")
@pass_globals
def build(flags: Globals) -> None:
    """Compile the algo in this directory to WASM and check that an edge can host it.

    Installs the wasm32 target when rustup can. Prints path, size, SHA-256 and exports; above 50 KB also what
    makes the module large.
    """
    here = Path.cwd()
    built = module(here, read() if (here / FILE_NAME).exists() else None)
    report_size(built)
    show(View(data=_data(built), text=_text(built), names=[str(built.path)]), flags.output)


def report_size(built: Built) -> None:
    """Warn, and of a large module name the largest parts."""
    for warning in built.warnings:
        warn(warning)
    if built.inspection.size > LARGE:
        say(table([], [(f"{part.size:,}", part.what) for part in built.contributors], indent="  ").rstrip())


def _text(built: Built) -> str:
    found = built.inspection
    callbacks = ", ".join(e.partition("(")[0] for e in found.exports if e.startswith("algo_"))
    rows = [
        ("module", str(built.path)),
        ("size", f"{found.size:,} bytes"),
        ("sha256", found.sha256),
        ("sdk", found.generation),
        ("exports", callbacks),
        ("imports", ", ".join(i.partition("(")[0] for i in found.imports) or "none"),
    ]
    return facts(rows)


def _data(built: Built) -> dict[str, object]:
    found = built.inspection
    return {
        "schema": "build/v1",
        "path": str(built.path),
        "size_bytes": found.size,
        "sha256": found.sha256,
        "sdk": found.generation,
        "exports": list(found.exports),
        "imports": list(found.imports),
        "contributors": [{"what": part.what, "size_bytes": part.size} for part in built.contributors],
        "warnings": list(built.warnings),
    }
