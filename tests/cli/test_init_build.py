"""`init` and `build`: a project that works as it is, and words for what can be wrong with one."""

import json
import subprocess
from pathlib import Path

import pytest

from sequence_operator.artifact import toolchain
from sequence_operator.cli.scaffold import crate_name
from sequence_operator.spec import sequence_toml

from .conftest import Cli


def test_a_new_project_passes_its_own_test_and_builds(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    made = cli("init", "My_Algo-2")
    assert made.code == 0, made.err
    assert made.err.startswith("Created My_Algo-2/ with .cargo/config.toml, .gitignore, Cargo.toml,")
    assert "  cd My_Algo-2\n" in made.err
    folder = Path("My_Algo-2")
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) == [
        ".cargo/config.toml",
        ".gitignore",
        "Cargo.toml",
        "README.md",
        "Sequence.toml",
        "src/lib.rs",
    ]
    assert not list(Path().glob(".My_Algo*")), "no temporary directory stays"
    file = sequence_toml.load(folder / "Sequence.toml")
    assert file.deployment.name == "My_Algo-2"
    assert file.risk is not None
    assert file.instances[0].venue == "kraken"

    monkeypatch.chdir(folder)
    tested = subprocess.run(["cargo", "test", "--quiet"], capture_output=True, text=True)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "1 passed" in tested.stdout
    assert "warning" not in tested.stderr

    built = cli("build", "-o", "json")
    assert built.code == 0, built.err
    data = json.loads(built.out)
    assert data["path"].endswith("target/wasm32-unknown-unknown/release/my_algo_2.wasm")
    assert data["size_bytes"] == Path(data["path"]).stat().st_size
    assert (data["schema"], data["sdk"], data["warnings"]) == ("build/v1", "0.4", [])
    shown = cli("build")
    assert f"sha256   {data['sha256']}\n" in shown.out
    assert f"size     {data['size_bytes']:,} bytes\n" in shown.out
    assert cli("build", "-o", "name").out == f"{data['path']}\n"


@pytest.mark.parametrize(
    ("name", "crate"),
    [("maker", "maker"), ("MyMM", "mymm"), ("2fast", "algo-2fast"), ("test", "algo-test"), ("Self", "algo-self"),
     ("proc-macro", "algo-proc-macro"), ("tester", "tester")],
)  # fmt: skip
def test_a_crate_gets_a_name_that_cargo_accepts(name: str, crate: str) -> None:
    assert crate_name(name) == crate


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "ä", "a" * 64, "a/b"])
def test_a_name_that_cannot_be_deployed_is_refused(cli: Cli, name: str) -> None:
    made = cli("init", "--", name)
    assert made.code == 2
    assert "cannot be the name of a deployment" in made.err
    assert not list(Path().iterdir())


def test_init_never_writes_into_what_is_there(cli: Cli) -> None:
    Path("mine").mkdir()
    made = cli("init", "mine")
    assert made.code == 6
    assert "error: mine already exists\n" in made.err
    assert not list(Path("mine").iterdir())


def test_init_where_nothing_can_be_written(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/proc")
    made = cli("init", "x")
    assert made.code == 1
    assert "error: cannot create x\n" in made.err


def test_build_outside_a_project(cli: Cli) -> None:
    built = cli("build")
    assert built.code == 1
    assert "error: there is no Cargo.toml in" in built.err
    assert "hint: cd into the algo's directory, or make one: `sequence init NAME`" in built.err


def test_build_without_rust(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("Cargo.toml").touch()
    monkeypatch.setattr(toolchain.shutil, "which", lambda _: None)
    built = cli("build")
    assert built.code == 1
    assert built.err.startswith("error: Rust is not installed: no cargo on PATH\n")


def prebuilt(wasm: bytes) -> None:
    Path("algo.wasm").write_bytes(wasm)
    Path("Sequence.toml").write_text(
        '[deployment]\nname = "x"\n[build]\nwasm = "algo.wasm"\nprebuilt = true\n'
        '[[instances]]\nvenue = "kraken"\nsymbols = ["BTC-USD"]\n'
    )


@pytest.mark.parametrize(
    ("wasm", "reason", "says"),
    [
        (b"\x7fELF", "NotWasm", "not a WebAssembly module"),
        (b"\0asm\1\0\0\0", "NoAlgoExports", "exports no algo_… function"),
        (b"\0asm" + bytes(2 << 20), "TooLarge", "2,097,156 bytes; the limit is 1,048,576"),
    ],
)
def test_a_committed_module_is_inspected_like_a_built_one(
    cli: Cli, wasm: bytes, reason: str, says: str
) -> None:
    prebuilt(wasm)
    built = cli("build")
    assert built.code == 1
    assert says in built.err
    assert f"algo.wasm: {reason}\n" in built.err
    assert "hint: " in built.err


def test_a_committed_module_that_is_missing(cli: Cli) -> None:
    prebuilt(b"")
    Path("algo.wasm").unlink()
    built = cli("build")
    assert (built.code, f"cannot read {Path('algo.wasm').absolute()}: No such file" in built.err) == (1, True)
