"""What a build is refused for before anything of it runs. Pure: manifests, lock file and cargo's metadata as values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomli

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.manifests import Manifest
from sequence_operator.builder.failure import BuildError
from sequence_operator.builder.settings import ANY

CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"
"""How cargo calls crates.io in lock files and metadata, from wherever it really downloads."""
_ELSEWHERE = ("git", "registry", "registry-index")
_RUNS_CODE = ("custom-build", "proc-macro")


def check_manifests(manifests: Iterable[Manifest], allowed: Sequence[str]) -> None:
    """Every crate comes from the repository or from a source that is allowed; the download asks nobody else.

    Raises BuildError (SourceRefused, final) with file, line and column.
    """
    for manifest in manifests:
        for dependency in (*manifest.dependencies(), *manifest.replacements(), *_inherited(manifest)):
            for word in _ELSEWHERE:
                place = dependency.table.get(word)
                if place is not None and not _allowed(str(place), allowed):
                    problem = manifest.problem(
                        "SourceRefused",
                        (*dependency.key, word),
                        f"{dependency.name} would come from {word} {str(place)[:200]!r}, and only crates.io and the "
                        "repository itself are allowed",
                        "depend on a version, put the crate into the repository, or have the builder started with "
                        "--allow-source",
                    )
                    raise BuildError.of(problem)


def _inherited(manifest: Manifest) -> Iterator[Any]:
    names = ((manifest.workspace or {}).get("dependencies") or {}) if manifest.workspace else {}
    for name in names if isinstance(names, dict) else ():
        shared = manifest.shared(name)
        if shared is not None:
            yield shared


def check_lock(path: str, content: bytes, allowed: Sequence[str]) -> None:
    """The lock file names no other source either. Raises BuildError (SourceRefused, LockUnreadable; final)."""
    try:
        packages = tomli.loads(content.decode()).get("package") or []
    except (UnicodeDecodeError, tomli.TOMLDecodeError, RecursionError) as problem:
        text = f"{path}: {problem}; write it anew: cargo generate-lockfile"
        raise BuildError("LockUnreadable", text, final=True) from None
    for package in packages if isinstance(packages, list) else []:
        source = package.get("source") if isinstance(package, dict) else None
        if source is not None and str(source) != CRATES_IO and not _allowed(str(source), allowed):
            raise BuildError(
                "SourceRefused",
                f"{path}: {str(package.get('name'))[:100]} comes from {str(source)[:200]}, and only crates.io and the "
                "repository itself are allowed",
                final=True,
            )


def _allowed(source: str, allowed: Sequence[str]) -> bool:
    plain = source.split("+", 1)[-1]
    return any(prefix and plain.startswith(prefix) for prefix in allowed)


@dataclass(frozen=True, slots=True)
class Package:
    """The crate to build. id: as cargo names it; root: of its workspace; library: file name of the module."""

    id: str
    root: str
    library: str


def check_metadata(metadata: Mapping[str, Any], manifest: str, scripts: Collection[str]) -> Package:
    """Find the crate, and refuse code that would run while it is compiled.

    metadata: of `cargo metadata`, version 1; manifest: path of the crate's Cargo.toml in it; scripts: names of crates
    of the registry that may run code, `*` for all.
    Raises BuildError (NoPackage, NoLibrary, BuildScriptRefused; final).
    """
    packages = {package["id"]: package for package in metadata["packages"]}
    mine = next((package for package in packages.values() if package["manifest_path"] == manifest), None)
    if mine is None:
        text = "its Cargo.toml has no [package]; name the folder of the algo's crate in [build]"
        raise BuildError("NoPackage", text, final=True)
    needed = _needed(metadata, mine["id"])
    for package in sorted((packages[each] for each in needed), key=lambda package: str(package["name"])):
        kinds = [kind for target in package["targets"] for kind in target["kind"] if kind in _RUNS_CODE]
        if kinds and not _trusted(package, scripts):
            raise BuildError("BuildScriptRefused", _refusal(package, kinds[0]), final=True)
    library = next((t for t in mine["targets"] if "cdylib" in t["crate_types"]), None)
    if library is None:
        raise BuildError(
            "NoLibrary",
            'no .wasm would come out of it; add to its Cargo.toml:  [lib]  crate-type = ["cdylib"]',
            final=True,
        )
    return Package(mine["id"], metadata["workspace_root"], library["name"].replace("-", "_") + ".wasm")


def _needed(metadata: Mapping[str, Any], start: str) -> set[str]:
    """Everything that is compiled for the library: dependencies of all kinds but those of tests."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    needed: set[str] = set()
    pending = [start]
    while pending:
        each = pending.pop()
        if each in needed:
            continue
        needed.add(each)
        for dependency in nodes[each]["deps"]:
            if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]):
                pending.append(dependency["pkg"])
    return needed


def _trusted(package: Mapping[str, Any], scripts: Collection[str]) -> bool:
    """A name counts for a crate of crates.io only: anybody can call a crate of his own by it."""
    return ANY in scripts or (package["source"] == CRATES_IO and package["name"] in scripts)


def _refusal(package: Mapping[str, Any], kind: str) -> str:
    what = "a build script" if kind == "custom-build" else "a procedural macro"
    way = (
        f"--allow-build-scripts {package['name']}"
        if package["source"] == CRATES_IO
        else "--allow-build-scripts '*'"
    )
    return (
        f"{package['name']} {package['version']} has {what}, which would run while it is compiled; do without "
        f"it, or have the builder started with {way}"
    )


def located(lines: Sequence[str], root: str) -> str:
    """The first error of rustc in one line, `file:line:column: words`; "" when there is none with a place.

    root: folder of the workspace below the sources, "" for the sources' own; paths of rustc begin there.
    """
    for number, line in enumerate(lines):
        if not line.startswith("error"):
            continue
        for following in lines[number + 1 : number + 6]:
            before, arrow, place = following.partition("--> ")
            if arrow and not before.strip():
                path = place.strip().removeprefix("/build/") if place.startswith("/") else place.strip()
                inside = f"{root}/{path}" if root and not place.startswith("/") else path
                return f"{inside}: {line}"
    return ""


def as_failure(problem: ArtifactError, attempt_again: Collection[str]) -> BuildError:
    """What cargo said as a failure; the reasons in `attempt_again` are not the sources' fault."""
    return BuildError.of(problem, final=problem.reason not in attempt_again)
