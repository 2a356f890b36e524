"""The frame around every command: flags in both places, exit codes, the error form, colour, speed of start."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from sequence_operator import __version__
from sequence_operator.cli import app, run
from sequence_operator.cli.commands import COMMANDS
from sequence_operator.cli.context import save_context
from sequence_operator.cli.errors import CliError
from sequence_operator.cli.globals import Globals, command, pass_globals

from .conftest import Cli

SEQUENCE = Path(sys.executable).with_name("sequence")


def test_every_command_of_the_table_exists_and_has_help(cli: Cli) -> None:
    for name in COMMANDS:
        shown = cli(name, "--help")
        assert shown.code == 0, shown.err
        assert f"sequence {name}" in shown.out
        assert "--sandbox" in shown.out, "global flags work after the command too"


def test_the_overview(cli: Cli, golden: Callable[[str, str], None]) -> None:
    golden("help.txt", cli("--help").out)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ([], Globals()),
        (["--sandbox", "-n", "a", "probe"], Globals(sandbox=True, namespace="a")),
        (["probe", "--sandbox", "-n", "a"], Globals(sandbox=True, namespace="a")),
        (["-o", "json", "--context", "c", "probe", "-o", "name"], Globals(output="name", context="c")),
        (["--sandbox", "probe"], Globals(sandbox=True)),
    ],
)
def test_global_flags_before_and_after(
    args: list[str], expected: Globals, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Globals] = []

    @command("probe")
    @pass_globals
    def probe(flags: Globals) -> None:
        seen.append(flags)

    monkeypatch.setattr(app.LazyGroup, "get_command", lambda *_: probe)
    monkeypatch.setitem(COMMANDS, "probe", COMMANDS["version"])
    assert run.run(args or ["probe"]) == 0
    assert seen == [expected]


@pytest.mark.parametrize(
    ("args", "code", "err"),
    [
        (["biuld"], 2, "error: unrecognized subcommand 'biuld'\nhint: did you mean `sequence build`?\n"),
        (["zzz"], 2, "error: unrecognized subcommand 'zzz'\nhint: `sequence --help` lists the commands\n"),
        (["--frob"], 2, "error: no such option '--frob'\nhint: sequence --help\n"),
        (["status", "--frob"], 2, "error: no such option '--frob'\nhint: sequence status --help\n"),
        (["completion", "csh"], 2,
         "error: invalid value for '{bash|zsh|fish}': 'csh' is not one of 'bash', 'zsh', 'fish'\n"
         "hint: sequence completion --help\n"),
        (["init"], 2, "error: missing argument 'NAME'\nhint: sequence init --help\n"),
        (["status", "-o", "xml"], 2,
         "error: invalid value for '-o' / '--output': 'xml' is not one of 'table', 'wide', 'json', 'yaml', 'name'\n"
         "hint: sequence status --help\n"),
    ],
)  # fmt: skip
def test_usage_errors(cli: Cli, args: list[str], code: int, err: str) -> None:
    shown = cli(*args)
    assert (shown.code, shown.out, shown.err) == (code, "", err)


@pytest.mark.parametrize(
    ("raised", "code", "says"),
    [
        (CliError("what", "why\nand more", "do this", run.ExitCode.CONFLICT), 6,
         "error: what\ncause: why\n  and more\nhint: do this\n"),
        (CliError("only what"), 1, "error: only what\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (click.Abort(), 130, "interrupted\n"),
    ],
)  # fmt: skip
def test_every_way_to_end(
    cli: Cli, raised: BaseException, code: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(click.Group, "main", fail)
    shown = cli("status")
    assert (shown.code, shown.err) == (code, says)


def sequence(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SEQUENCE), *args], capture_output=True, text=True, env={**os.environ, **env}, check=False
    )


def test_colour_only_where_it_is_wanted() -> None:
    assert "\x1b[" not in sequence("biuld").stderr
    assert "\x1b[" in sequence("biuld", CLICOLOR_FORCE="1").stderr
    assert "\x1b[" not in sequence("biuld", CLICOLOR_FORCE="1", NO_COLOR="1").stderr


def test_a_reader_that_leaves_is_no_error_to_show() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [str(SEQUENCE), "version"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert done.stderr == "", "`sequence logs | head` must not end in a traceback"


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version_comes_before_everything_else(flag: str) -> None:
    program = (
        f"import sys; sys.argv = ['sequence', {flag!r}]; from sequence_operator.__main__ import main; main()\n"
        "print(sorted(m for m in sys.modules if m.partition('.')[0] in ('click', 'pydantic', 'asyncio')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"sequence {__version__}", "[]"]


def test_the_overview_loads_no_command_and_no_heavy_library() -> None:
    program = (
        "import sys; from sequence_operator.cli.run import run; run(['--help'])\n"
        "heavy = {'pydantic', 'httpx', 'aiohttp', 'kubernetes', 'rich', 'git', 'wasmtime', 'yaml', 'asyncio'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


def test_up_and_down_load_nothing_of_what_the_stack_is_made_of() -> None:
    program = (
        "import sys, sequence_operator.cli.up, sequence_operator.local.session\n"
        "heavy = {'pydantic', 'httpx', 'aiohttp', 'kubernetes', 'rich', 'yaml', 'cryptography'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_kubectl_finds_the_same_commands_under_its_own_name() -> None:
    plugin = SEQUENCE.with_name("kubectl-sequence")
    done = subprocess.run([str(plugin), "build", "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: kubectl sequence build")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_completes(cli: Cli, shell: str) -> None:
    assert "_SEQUENCE_COMPLETE" in cli("completion", shell).out
    line = {"_SEQUENCE_COMPLETE": f"{shell}_complete", "COMP_WORDS": "sequence sta", "COMP_CWORD": "1"}
    words = sequence(**line).stdout if shell != "fish" else sequence(**{**line, "COMP_CWORD": "sta"}).stdout
    assert "start" in words
    assert "status" in words
    assert "stop" not in words


def test_version_names_the_tools(cli: Cli) -> None:
    shown = cli("version", "-o", "json")
    assert shown.code == 0
    assert '"schema": "version/v1"' in shown.out
    assert "cargo" in cli("version").out


NEED_A_CONTEXT = [
    *(
        ["start", "x"],
        ["stop", "x"],
        ["undeploy", "x"],
        ["status"],
        ["status", "x"],
        ["logs", "x"],
        ["plan", "x"],
    ),
]


@pytest.mark.parametrize("args", NEED_A_CONTEXT)
def test_without_a_context(cli: Cli, args: list[str]) -> None:
    shown = cli(*args)
    assert shown.code == 2
    assert shown.err.startswith("error: no context is configured\ncause: ")
    assert "hint: sequence up --detach" in shown.err


@pytest.mark.parametrize("args", NEED_A_CONTEXT)
def test_a_context_without_a_cluster(cli: Cli, args: list[str]) -> None:
    save_context("bare", {"namespace": "x"})
    shown = cli(*args)
    assert shown.code == 2
    assert "error: context 'bare' names no cluster" in shown.err
    assert "--kube-context NAME" in shown.err


@pytest.mark.parametrize("args", [["start"], ["stop"], ["undeploy"], ["logs"], ["plan"]])
def test_without_a_name_and_without_a_file(cli: Cli, args: list[str]) -> None:
    save_context("bare", {"namespace": "x"})
    shown = cli(*args)
    assert shown.code == 2
    assert "error: which deployment?" in shown.err


def test_an_unknown_context_lists_the_known_ones(cli: Cli) -> None:
    save_context("bare", {"namespace": "x"})
    shown = cli("--context", "nope", "status")
    assert shown.code == 2
    assert "there is no context 'nope'" in shown.err
    assert "bare" in shown.err


def test_a_name_that_cannot_be_one(cli: Cli) -> None:
    save_context("bare", {"namespace": "x"})
    shown = cli("stop", "../etc")
    assert (shown.code, "'../etc' is not the name of a deployment" in shown.err) == (2, True)


def test_an_unreachable_cluster(cli: Cli, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}],\n"
        "clusters: [{name: k, cluster: {server: 'http://127.0.0.1:9'}}], users: [{name: u, user: {}}]}"
    )
    save_context("gone", {"kubeconfig": str(kubeconfig)})
    shown = cli("status")
    assert shown.code == 1
    assert "error: the cluster at http://127.0.0.1:9 cannot be reached" in shown.err
    assert "hint: " in shown.err


def test_a_kubeconfig_that_is_not_there(cli: Cli, tmp_path: Path) -> None:
    save_context("gone", {"kubeconfig": str(tmp_path / "absent")})
    shown = cli("status")
    assert (shown.code, str(tmp_path / "absent") in shown.err) == (2, True)
