"""What code sees and may do while it is compiled: hostile crates against the real sandbox."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.processes import wait_until
from support.smallest import smallest

from .workshop import Builder, Files, Workshop, lock, read, write

PEEK = r"""
use std::{env, fs, net::TcpStream, process::Command};
fn main() {
    let mut seen = vec![];
    for path in ["/root", "/home", "/etc/shadow", "/etc/passwd", "/var/run/secrets", "/work", "/sys/fs", "SECRET_FILE"] {
        if fs::metadata(path).is_ok() { seen.push(format!("path {path}")); }
    }
    for (name, value) in env::vars() {
        if name.contains("TOKEN") || value.contains("hush") || name.contains("KUBE") { seen.push(format!("variable {name}")); }
    }
    for address in ["API_SERVER", "TREES"] {
        if TcpStream::connect(address).is_ok() { seen.push(format!("network {address}")); }
    }
    let cargo = env::var("CARGO_HOME").unwrap();
    for path in ["/usr/evil", "/rust/evil", "/build/evil", "/build/a/evil", &format!("{cargo}/evil")] {
        if fs::write(path, "x").is_ok() { seen.push(format!("writable {path}")); }
    }
    let others = fs::read_dir("/proc").unwrap().filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().parse::<u32>().is_ok()).count();
    if others > 12 { seen.push(format!("processes {others}")); }
    let id = Command::new("id").arg("-u").output().unwrap();
    let id = String::from_utf8_lossy(&id.stdout).trim().to_string();
    if id == "0" { seen.push("root".to_string()); }
    if fs::read_to_string("/cargo/config.toml").unwrap_or_default().contains("hush") { seen.push("token".to_string()); }
    println!("cargo::warning=ran as {id}");
    if !seen.is_empty() { panic!("SEEN {}", seen.join(", ")); }
}
"""  # noqa: E501


@pytest.fixture(scope="session")
def sources() -> Files:
    return smallest("a")


@pytest.fixture(scope="class")
def lax(workshop: Workshop) -> Iterator[Builder]:
    """A builder that lets code run while it compiles, with little disk and memory, and a token in its settings."""
    config = workshop.folder / "config.toml"
    config.write_text('[registries.private]\nindex = "sparse+https://crates.example/"\ntoken = "hush"\n')
    secret = Path.home() / ".sequence-test-secret"
    secret.write_text("hush")
    flags = ("--allow-build-scripts", "*", "--disk", "192Mi", "--memory", "2Gi")
    env = {"SOME_TOKEN": "hush", "AWS_SECRET": "hush"}
    with workshop.builder("lax", *flags, "--cargo-config", str(config), env=env) as running:
        yield running
    secret.unlink()


def with_script(sources: Files, script: str) -> Files:
    return sources | {"a/build.rs": script}


def test_a_build_script_is_refused_by_default(workshop: Workshop, sources: Files, builder: Builder) -> None:
    mark = "/tmp/sequence-build-script-ran"  # would be in the sandbox's own /tmp; the log shows more
    name = workshop.order(with_script(sources, f'fn main() {{ std::fs::write("{mark}", "x").unwrap(); }}'))
    reason, message = workshop.failed(name)
    assert reason == "BuildScriptRefused"
    assert "my-algo 0.1.0 has a build script" in message
    assert "--allow-build-scripts '*'" in message
    assert not any("Compiling" in line for line in workshop.status(name)["log"])


def test_a_macro_of_the_repository_is_refused_even_under_a_trusted_name(
    workshop: Workshop, builder: Builder, sources: Files, tmp_path: Path
) -> None:
    files = dict(sources)
    files["a/Cargo.toml"] = files["a/Cargo.toml"].replace(
        "[dependencies]\n", '[dependencies]\nserde_derive = { path = "../m" }\n'
    )
    files["m/Cargo.toml"] = '[package]\nname = "serde_derive"\nversion = "1.0.0"\n[lib]\nproc-macro = true\n'
    files["m/src/lib.rs"] = ""
    folder = write(files, tmp_path)
    lock(folder / "a")
    builder.child.stop()
    with workshop.builder("trusting", "--allow-build-scripts", "serde_derive"):
        reason, message = workshop.failed(workshop.order(read(folder)))
    builder.start()
    assert (reason, "serde_derive 1.0.0 has a procedural macro" in message) == ("BuildScriptRefused", True)


@pytest.fixture(scope="class")
def quiet(builder: Builder, lax: Builder) -> Iterator[None]:
    """Only the lax builder works."""
    builder.child.stop()
    yield
    builder.start()


@pytest.mark.usefixtures("quiet")
class TestWithScriptsAllowed:
    def test_a_script_sees_no_home_no_network_no_token(
        self, workshop: Workshop, lax: Builder, sources: Files
    ) -> None:
        script = PEEK.replace("SECRET_FILE", str(Path.home() / ".sequence-test-secret"))
        script = script.replace("API_SERVER", workshop.kubeconfig.read_text().split("https://")[1].split()[0])
        script = script.replace("TREES", workshop.trees.base.removeprefix("http://"))
        name = workshop.order(with_script(sources, script))
        workshop.built(name)
        assert any("ran as 64100" in line for line in workshop.status(name)["log"]) == (os.geteuid() == 0)

    def test_a_script_that_fills_the_disk_is_ended(
        self, workshop: Workshop, lax: Builder, sources: Files
    ) -> None:
        script = (
            "fn main() { for n in 0.. { std::fs::write("
            'format!("/target/fill{n}"), vec![1u8; 8 << 20]).unwrap(); } }'
        )
        assert workshop.failed(workshop.order(with_script(sources, script)))[0] == "TooMuchDisk"

    def test_a_script_that_takes_all_memory_is_ended(
        self, workshop: Workshop, lax: Builder, sources: Files
    ) -> None:
        script = "fn main() { let mut all = vec![]; loop { all.push(vec![1u8; 64 << 20]); } }"
        reason, _ = workshop.failed(workshop.order(with_script(sources, script)))
        assert reason == "CompilerKilled"

    def test_a_link_in_place_of_the_module_is_not_read(
        self, workshop: Workshop, lax: Builder, sources: Files
    ) -> None:
        script = (
            'fn main() { let out = "/target/wasm32-unknown-unknown"; std::fs::remove_dir_all(out).ok();'
            'std::os::unix::fs::symlink("/tmp", out).unwrap(); }'
        )
        reason, _ = workshop.failed(workshop.order(with_script(sources, script)))
        assert reason in ("NoModule", "ModuleRefused", "CompileError")


def test_a_file_of_the_machine_cannot_be_included(
    workshop: Workshop, builder: Builder, sources: Files
) -> None:
    for place in (str(Path.home() / ".bashrc"), "/etc/passwd", "/proc/1/environ"):
        files = dict(sources)
        files["a/src/lib.rs"] += f'\npub static STOLEN: &[u8] = include_bytes!("{place}");\n'
        name = workshop.order(files)
        if place.startswith("/proc"):  # there is one, of the sandbox's own first process, with nothing in it
            workshop.ended(name)
            continue
        reason, message = workshop.failed(name)
        assert (reason, f"couldn't read `{place}`" in message) == ("CompileError", True), message


def test_what_never_ends_is_ended_and_leaves_nobody(
    workshop: Workshop, builder: Builder, sources: Files
) -> None:
    """A constant that is computed for ever, and a build script that waits for a process of its own."""
    name = f"endless-{os.getpid()}"
    files = {path: text.replace("my-algo", name) for path, text in sources.items()}
    constant = dict(files)
    constant["a/src/lib.rs"] += (
        "\n#[allow(long_running_const_eval)]\npub const N: u64 = { let mut n = 0u64; loop { n = n.wrapping_add(1); } };"
        "\npub static M: u64 = N;\n"
    )
    script = f'fn main() {{ std::process::Command::new("sleep").arg("8{os.getpid()}").status().unwrap(); }}'
    builder.child.stop()
    orders = [workshop.order(constant), workshop.order(with_script(files, script))]
    with workshop.builder("hasty", "--timeout", "2s", "--allow-build-scripts", "*"):
        for order in orders:
            reason, message = workshop.failed(order)
            assert (reason, "--timeout" in message) == ("BuildTimeout", True)
            assert workshop.status(order)["attempts"] == 2
        wait_until(lambda: not running(name.replace("-", "_")), "no compiler is left")
        wait_until(lambda: not running(f"8{os.getpid()}"), "the sleeper is gone")
    builder.start()


def running(*words: str) -> bool:
    """Whether a process of this machine has all the words on its command line."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if all(word in line for word in words):
                return True
    return False
