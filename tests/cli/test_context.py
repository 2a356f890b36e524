"""Where a command goes: flag over environment over file, and a file that only its owner can read."""

import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_operator.cli import context_file
from sequence_operator.cli.context import Context, load, remove_context, resolve, save_context
from sequence_operator.cli.context_file import SETTINGS, Config
from sequence_operator.cli.errors import CliError, ExitCode

from .conftest import KEY


def test_settings_and_the_fields_of_a_context_are_the_same() -> None:
    assert ("name", *SETTINGS) == Context.__slots__


def test_saved_contexts_come_back_and_do_not_touch_each_other(own_environment: Path) -> None:
    save_context("prod", {"namespace": "trading", "kube_context": "prod-eu"})
    before = load().contexts["prod"]
    save_context("local", {"base_url": "http://127.0.0.1:1", "api_key": KEY["live"]}, make_current=False)
    assert load() == Config("prod", {"prod": before, "local": load().contexts["local"]})
    assert resolve().name == "prod"
    assert resolve("local").key("live") == KEY["live"]


def test_the_file_is_for_its_owner_only(own_environment: Path) -> None:
    own_environment.parent.mkdir(parents=True)
    own_environment.write_text("")
    own_environment.chmod(0o644)
    save_context("local", {"api_key": KEY["live"]})
    assert stat.S_IMODE(own_environment.stat().st_mode) == 0o600
    left = {path.name for path in own_environment.parent.iterdir()}
    assert left == {"config.toml", "config.toml.lock"}, "no temporary file stays"


def test_an_empty_value_removes_a_setting() -> None:
    save_context("a", {"api_key": KEY["live"], "namespace": "x"})
    save_context("a", {"api_key": ""})
    assert load().contexts["a"] == {"namespace": "x"}


def test_removing_the_current_context_leaves_none() -> None:
    save_context("a", {"namespace": "x"})
    remove_context("a")
    remove_context("never-was")
    assert load() == Config("", {})


def test_a_setting_that_does_not_exist_is_a_bug() -> None:
    with pytest.raises(ValueError, match="colour"):
        save_context("a", {"colour": "red"})


@given(
    contexts=st.dictionaries(
        st.text(min_size=1, max_size=8),
        st.dictionaries(st.sampled_from(SETTINGS), st.text(min_size=1, max_size=12), max_size=3),
        max_size=3,
    )
)
def test_any_text_survives_the_file(
    contexts: dict[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    if any(0xD800 <= ord(c) <= 0xDFFF for t in contexts.values() for v in t.values() for c in v):
        return
    path = tmp_path_factory.mktemp("config") / "config.toml"
    path.write_text(context_file.render(Config("", contexts)), encoding="utf-8")
    assert load(path).contexts == contexts


def test_a_crash_while_writing_leaves_the_old_file(
    own_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_context("a", {"namespace": "old"})

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(context_file.os, "fsync", fail)
    with pytest.raises(CliError, match="cannot write"):
        save_context("a", {"namespace": "new"})
    assert load().contexts["a"] == {"namespace": "old"}
    assert not list(own_environment.parent.glob(".config-*"))


def test_a_home_that_cannot_be_written_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    monkeypatch.setenv("SEQUENCE_CONFIG", str(blocker / "config.toml"))
    with pytest.raises(CliError) as refused:
        save_context("a", {"namespace": "x"})
    assert refused.value.what == f"cannot write {blocker / 'config.toml'}"
    assert refused.value.cause
    assert "SEQUENCE_CONFIG" in refused.value.hint


def test_a_read_only_home_says_so() -> None:
    """As another user, since root may write everywhere."""
    program = (
        "import os, sys; from pathlib import Path\n"
        "from sequence_operator.cli.context import save_context; from sequence_operator.cli.errors import CliError\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "try: save_context('a', {'namespace': 'x'}, path=Path(sys.argv[1]) / '.sequence' / 'config.toml')\n"
        "except CliError as problem: print(problem.render())"
    )
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", program, home], capture_output=True, text=True, check=False
        )
        Path(home).chmod(0o755)
    assert "cause: Permission denied" in done.stdout, done.stderr
    assert "SEQUENCE_CONFIG" in done.stdout


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, {"namespace": "filed", "api_key": KEY["live"]}),
        ({"SEQUENCE_NAMESPACE": "env"}, {"namespace": "env"}),
        ({"SEQUENCE_CONTEXT": "other"}, {"name": "other", "namespace": "default"}),
        ({"SEQUENCE_API_KEY": "seq_live_env"}, {"api_key": "seq_live_env"}),
        ({"SEQ_API_KEY": "seq_live_docs"}, {"api_key": "seq_live_docs"}),
        ({"SEQ_TEST_KEY": "seq_test_docs"}, {"api_key": KEY["live"], "sandbox_api_key": "seq_test_docs"}),
        ({"SEQ_API_KEY": "seq_test_docs"}, {"api_key": KEY["live"], "sandbox_api_key": "seq_test_docs"}),
    ],
)
def test_the_environment_wins_over_the_file(env: dict[str, str], expected: dict[str, str]) -> None:
    save_context("other", {})
    save_context("filed", {"namespace": "filed", "api_key": KEY["live"]})
    found = resolve(env={"SEQUENCE_CONFIG": str(context_file.config_path()), **env})
    assert {key: getattr(found, key) for key in expected} == expected


def test_the_flag_wins_over_everything() -> None:
    save_context("filed", {"namespace": "filed"})
    env = {"SEQUENCE_CONFIG": str(context_file.config_path()), "SEQUENCE_NAMESPACE": "env"}
    assert resolve(None, "flag", env).namespace == "flag"


def test_the_environment_alone_is_a_context(tmp_path: Path) -> None:
    env = {"SEQUENCE_CONFIG": str(tmp_path / "none"), "SEQUENCE_BASE_URL": "https://x/"}
    assert (resolve(env=env).name, resolve(env=env).url()) == ("environment", "https://x")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("current = [", "cannot read"),
        ("current = 1", "`current` must be a string"),
        ("context = 1", "`context` a table"),
        ("[context.a]\nnamespace = 1", "[context.a] must hold strings only"),
    ],
)
def test_a_broken_file_is_named(own_environment: Path, text: str, what: str) -> None:
    own_environment.parent.mkdir(parents=True)
    own_environment.write_text(text)
    with pytest.raises(CliError) as refused:
        load()
    assert what in refused.value.render()
    assert str(own_environment) in refused.value.what
    assert refused.value.code == ExitCode.USAGE


def test_keys_are_in_no_representation() -> None:
    shown = repr(Context("a", api_key=KEY["live"], sandbox_api_key=KEY["sandbox"]))
    assert "seq_" not in shown
