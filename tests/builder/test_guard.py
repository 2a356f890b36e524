"""What is refused before anything runs, cargo's settings without secrets, and where an error is: pure tables."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
import tomli

from sequence_operator.artifact.manifests import parse
from sequence_operator.builder import cargo, guard
from sequence_operator.builder.failure import BuildError
from sequence_operator.builder.rust import Rust
from sequence_operator.builder.sandbox import Paths
from sequence_operator.builder.settings import parse as settings

CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


def package(name: str, source: str | None, *kinds: str, types: tuple[str, ...] = ("lib",)) -> dict:
    targets = [{"name": name, "kind": [kind], "crate_types": list(types)} for kind in kinds or ("lib",)]
    return {"id": name, "name": name, "version": "1.0.0", "source": source, "targets": targets,
            "manifest_path": f"/build/{name}/Cargo.toml"}  # fmt: skip


def metadata(*packages: dict, deps: dict[str, dict[str, str | None]]) -> dict:
    nodes = [
        {
            "id": one["id"],
            "deps": [
                {"pkg": to, "dep_kinds": [{"kind": kind}]} for to, kind in deps.get(one["id"], {}).items()
            ],
        }
        for one in packages
    ]
    return {"packages": list(packages), "resolve": {"nodes": nodes}, "workspace_root": "/build"}


MINE = package("a", None, types=("cdylib",))


@pytest.mark.parametrize(
    ("other", "kind", "allowed", "refused"),
    [
        (package("b", CRATES_IO), None, (), False),
        (package("b", CRATES_IO, "lib", "custom-build"), None, (), True),
        (package("b", CRATES_IO, "lib", "custom-build"), "build", (), True),
        (package("b", CRATES_IO, "lib", "custom-build"), "dev", (), False),
        (package("b", CRATES_IO, "proc-macro"), None, (), True),
        (package("b", CRATES_IO, "proc-macro"), None, ("b",), False),
        (package("b", CRATES_IO, "proc-macro"), None, ("c",), True),
        (package("b", None, "proc-macro"), None, ("b",), True),
        (package("b", "git+https://x/y", "proc-macro"), None, ("b",), True),
        (package("b", None, "proc-macro"), None, ("*",), False),
    ],
)
def test_code_that_would_run(other: dict, kind: str | None, allowed: tuple[str, ...], refused: bool) -> None:
    described = metadata(MINE, other, deps={"a": {"b": kind}})
    if not refused:
        assert guard.check_metadata(described, "/build/a/Cargo.toml", allowed).library == "a.wasm"
        return
    with pytest.raises(BuildError) as problem:
        guard.check_metadata(described, "/build/a/Cargo.toml", allowed)
    assert (problem.value.reason, problem.value.final) == ("BuildScriptRefused", True)


def test_code_far_down_counts_too() -> None:
    deep = package("c", CRATES_IO, "custom-build")
    described = metadata(
        MINE, package("b", CRATES_IO), deep, deps={"a": {"b": None}, "b": {"c": None, "a": None}}
    )
    with pytest.raises(BuildError, match=r"c 1\.0\.0 has a build script"):
        guard.check_metadata(described, "/build/a/Cargo.toml", ())


@pytest.mark.parametrize(
    ("text", "allowed", "says"),
    [
        ('[dependencies]\nx = "1"\ny = { path = "../y" }\n', (), ""),
        ('[dependencies]\nx = { git = "https://x/y" }\n', (), "Cargo.toml:2:13: x would come from git"),
        ('[dependencies]\nx = { git = "https://x/y" }\n', ("https://x/",), ""),
        (
            '[target.wasm32.dev-dependencies]\nx = { registry = "mine", version = "1" }\n',
            (),
            "registry 'mine'",
        ),
        ('[workspace.dependencies]\nx = { git = "ssh://x/y" }\n', (), "Cargo.toml:2:13: x would"),
        ('[replace]\n"x:1.0.0" = { git = "ssh://x/y" }\n', (), "from git"),
    ],
)
def test_where_crates_come_from(text: str, allowed: tuple[str, ...], says: str) -> None:
    manifest = parse("Cargo.toml", text.encode())
    if not says:
        guard.check_manifests([manifest], allowed)
        return
    with pytest.raises(BuildError) as problem:
        guard.check_manifests([manifest], allowed)
    assert says in problem.value.message


@pytest.mark.parametrize(
    ("source", "allowed", "reason"),
    [
        (f'source = "{CRATES_IO}"', (), ""),
        ("", (), ""),
        ('source = "git+https://x/y#1"', (), "SourceRefused"),
        ('source = "git+https://x/y#1"', ("https://x/",), ""),
        ('source = "sparse+https://other/"', (), "SourceRefused"),
        ('source = "registry+file:///root"', ("",), "SourceRefused"),
        ("source = ", (), "LockUnreadable"),
    ],
)
def test_what_the_lock_names(source: str, allowed: tuple[str, ...], reason: str) -> None:
    content = f'[[package]]\nname = "x"\nversion = "1.0.0"\n{source}\n'.encode()
    if not reason:
        guard.check_lock("Cargo.lock", content, allowed)
        return
    with pytest.raises(BuildError) as problem:
        guard.check_lock("Cargo.lock", content, allowed)
    assert problem.value.reason == reason


@pytest.mark.parametrize(
    ("said", "root", "found"),
    [
        ("warning: x\nerror[E1]: no\n --> src/lib.rs:3:5\n", "", "src/lib.rs:3:5: error[E1]: no"),
        ("error: no\n  |\n  --> src/lib.rs:3:5\n", "algos/a", "algos/a/src/lib.rs:3:5: error: no"),
        ("error: no\n  --> /build/lib/src/lib.rs:1:1\n", "algos/a", "lib/src/lib.rs:1:1: error: no"),
        ("error: linking failed\n\n\n", "", ""),
        ("", "", ""),
    ],
)
def test_where_the_first_error_is(said: str, root: str, found: str) -> None:
    assert guard.located(said.split("\n"), root) == found


def test_code_of_strangers_sees_neither_token_nor_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        '[source.crates-io]\nreplace-with = "mirror"\n[source.mirror]\nregistry = "sparse+https://mirror.example/"\n'
        '[registries.mirror]\nindex = "sparse+https://mirror.example/"\ntoken = "hush"\n'
        '[http]\nproxy = "http://user:hush@proxy.example"\ncainfo = "/etc/mirror.pem"\n'
        '[build]\nrustc-wrapper = "/evil"\n[net]\ngit-fetch-with-cli = true\nretry = 3\n'
    )
    online, offline, paths = cargo.configuration(str(file))
    assert paths == (Path("/etc/mirror.pem"),)
    assert tomli.loads(online)["net"] == {"retry": 3}
    assert "hush" in online
    assert "hush" not in offline
    assert "wrapper" not in online + offline
    assert tomli.loads(offline)["source"]["crates-io"] == {"replace-with": "mirror"}
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hush@proxy.example")
    seen = Paths(PurePosixPath("/build"), PurePosixPath("/target"), PurePosixPath("/cargo"))
    rust = Rust(Path("/rust"), "1.95.0")
    assert cargo.environment(rust, seen, isolated=True, network=True)["HTTPS_PROXY"].endswith("proxy.example")
    assert "hush" not in str(cargo.environment(rust, seen, isolated=True, network=False))
    with pytest.raises(cargo.ConfigError):
        cargo.configuration(str(tmp_path / "absent.toml"))


def test_settings_from_flags_and_variables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--namespace", "n", "--trees", "http://x:1/", "--work", str(tmp_path), "--memory", "2Gi"]
    environment = {"SEQUENCE_BUILDER_TIMEOUT": "3m", "SEQUENCE_BUILDER_UNSANDBOXED": "true",
                   "SEQUENCE_BUILDER_ALLOW_BUILD_SCRIPTS": "libm, serde_derive"}  # fmt: skip
    chosen = settings(given, environment)
    assert (chosen.trees, chosen.limits.memory, chosen.limits.seconds) == ("http://x:1", 2 << 30, 180.0)
    assert (chosen.unsandboxed, chosen.build_scripts) == (True, {"libm", "serde_derive"})
    for wrong in (given[2:], [*given, "--memory", "much"], [*given, "--trees", "ftp://x"]):
        with pytest.raises(SystemExit):
            settings(wrong, {})
    assert "name --namespace" in capsys.readouterr().err
