"""One attempt at one build: download, judge, fetch crates, judge again, compile, inspect."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sequence_operator.artifact.cargo_errors import explain
from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.inspect import MAX_WASM_BYTES, inspect
from sequence_operator.artifact.manifests import MANIFEST
from sequence_operator.builder import cargo, download, guard, sources
from sequence_operator.builder.failure import BuildError
from sequence_operator.builder.running import Ceiling, run
from sequence_operator.builder.rust import TARGET, Rust
from sequence_operator.builder.sandbox import Folders, Paths, Sandbox
from sequence_operator.builder.settings import BuildLimits, Settings
from sequence_operator.spec.build import AlgoBuild

_HEALS = ("DependencyDownload", "CompileFailed")
"""What cargo may say of a download that the sources are not to blame for; the second is all we do not know."""
_METADATA_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Workplace:
    """What all attempts of one builder share. online, offline: cargo's configuration for the two kinds of steps."""

    settings: Settings
    rust: Rust
    sandbox: Sandbox
    online: str
    offline: str
    extra: tuple[Path, ...]

    @property
    def cargo_home(self) -> Path:
        return self.settings.work / "cargo"


class Attempt:
    """`run` gives the WASM, or raises BuildError; `log` has what was said, either way."""

    def __init__(self, place: Workplace, build: AlgoBuild, folder: Path) -> None:
        self._place, self._build, self._folder = place, build, folder
        self._began = time.monotonic()
        self.log: list[str] = []
        self._said: list[str] = []  # of the present step
        self._folders = Folders(
            tree=folder / "tree",
            target=folder / "target",
            cargo=place.cargo_home,
            online_config=folder / "online.toml",
            offline_config=folder / "offline.toml",
            extra=place.extra,
        )

    @property
    def _limits(self) -> BuildLimits:
        return self._place.settings.limits

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began

    async def run(self) -> bytes:
        """Do it all. `folder` must be empty."""
        spec = self._build.spec
        url = download.address(self._build, self._place.settings.trees)
        crate = download.folder(spec.path)
        self._say(f"sources {spec.tree_digest[:12]} of commit {spec.commit[:12]}, crate {spec.path}")
        names = await download.unpack(await download.fetch(url), spec.tree_digest, self._folders.tree)
        await asyncio.to_thread(self._prepare, names, crate)
        paths = self._place.sandbox.paths(self._folders)
        await self._cargo(("fetch", "--locked"), crate, paths, network=True, heals=_HEALS)
        package = await self._package(crate, paths)
        root = PurePosixPath(package.root).relative_to(paths.tree)
        return await self._compile(package, crate, paths, "" if root == PurePosixPath() else str(root))

    def _prepare(self, names: list[str], crate: PurePosixPath) -> None:
        """Settle the folders, and refuse what the sources themselves already show."""
        manifests, locks = sources.prepare(self._folders.tree, names)
        if not (self._folders.tree / crate / MANIFEST).is_file():
            raise BuildError("ManifestMissing", f"there is no {crate / MANIFEST} in the sources", final=True)
        allowed = self._place.settings.sources
        guard.check_manifests(manifests, allowed)
        for path, content in locks:
            guard.check_lock(path, content, allowed)
        self._folders.online_config.write_text(self._place.online)
        self._folders.offline_config.write_text(self._place.offline)
        self._folders.target.mkdir()
        self._place.cargo_home.mkdir(exist_ok=True)
        for each in (self._folders.target, self._place.cargo_home):
            self._place.sandbox.own(each)

    async def _package(self, crate: PurePosixPath, paths: Paths) -> guard.Package:
        """Ask cargo what it would compile, which runs no code."""
        argv = ["metadata", "--frozen", "--format-version", "1", "--filter-platform", TARGET]
        scripts = self._place.settings.build_scripts
        if scripts:  # then crates of the building machine count too
            argv += ["--filter-platform", self._host()]
        answer = await self._cargo(argv, crate, paths, network=False, heals=())
        if answer.stat().st_size > _METADATA_BYTES:
            raise BuildError("TooMuchOutput", "cargo's description of the build is too large", final=True)
        metadata: dict[str, Any] = json.loads(answer.read_bytes())
        return guard.check_metadata(metadata, str(paths.tree / crate / MANIFEST), scripts)

    def _host(self) -> str:
        libraries = (self._place.rust.sysroot / "lib/rustlib").iterdir()
        return next((each.name for each in libraries if "linux" in each.name), "x86_64-unknown-linux-gnu")

    async def _compile(self, package: guard.Package, crate: PurePosixPath, paths: Paths, root: str) -> bytes:
        argv = ["build", "--frozen", "--release", "--lib", "--target", TARGET, "--package", package.id]
        await self._cargo(argv, crate, paths, network=False, heals=None, root=root)
        module = self._folders.target / TARGET / "release" / package.library
        wasm = await asyncio.to_thread(_read, module, self._folders.target)
        try:
            found = await asyncio.to_thread(inspect, wasm)
        except ArtifactError as problem:
            raise BuildError.of(
                problem, final=problem.reason not in ("InspectionTimeout", "InspectionFailed")
            ) from None
        self._say(f"{found.size:,} bytes, SHA-256 {found.sha256}, interface of SDK {found.generation}")
        return wasm

    async def _cargo(
        self,
        argv: Sequence[str],
        crate: PurePosixPath,
        paths: Paths,
        *,
        network: bool,
        heals: Sequence[str] | None,
        root: str = "",
    ) -> Path:
        """Run one command of cargo; the file with its standard output. Raises BuildError.

        heals: reasons for which another attempt is worth it; None: this is the compilation itself.
        """
        sandbox = self._place.sandbox
        env = cargo.environment(self._place.rust, paths, isolated=sandbox.isolated, network=network)
        command = sandbox.command(self._folders, paths.tree / crate, network, env, ["cargo", *argv])
        self._say(f"cargo {' '.join(argv)}")
        self._said = []
        answer = self._folder / f"{argv[0]}.out"
        code = await run(command, answer, self._ceiling(), self._hear)
        if code == 0:
            return answer
        problem = explain("\n".join(self._said))
        if heals is not None:
            raise guard.as_failure(problem, heals)
        if (
            code < 0
            or code > 128
            or any("memory allocation of" in line or "SIGKILL" in line for line in self._said)
        ):
            text = f"the compiler was ended (exit code {code}); does it need more memory? (--memory of the builder)"
            raise BuildError("CompilerKilled", text, final=False, attempts=2)
        found = guard.located(self._said, root)
        known = problem.reason != "CompileFailed"
        raise BuildError("CompileError", problem.advice if known or not found else found, final=True)

    def _ceiling(self) -> Ceiling:
        limits = self._limits
        folders = (self._folder, self._place.cargo_home)
        return Ceiling(max(limits.seconds - self.seconds, 0.1), limits.disk, limits.output, folders)

    def _say(self, line: str) -> None:
        self.log.append(line)

    def _hear(self, line: str) -> None:
        self._said.append(line)
        self.log.append(line)


def _read(module: Path, target: Path) -> bytes:
    """The module's bytes, unless something that ran in the build put a link in its place."""
    try:
        if not module.resolve(strict=True).is_relative_to(target.resolve()):
            raise BuildError("ModuleRefused", f"{module.name} is a link that leaves the build", final=True)
        handle = os.open(module, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as problem:
        text = f"cargo ended well, but {module.name} cannot be read: {problem.strerror}"
        raise BuildError("NoModule", text, final=True) from None
    with open(handle, "rb") as file:
        return file.read(MAX_WASM_BYTES + 1)
