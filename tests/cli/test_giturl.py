"""Which addresses mean one repository."""

import pytest

from sequence_operator.cli.giturl import same, without_credentials

HTTPS = "https://git.example.com/desk/algos.git"


@pytest.mark.parametrize(
    "other",
    [
        "https://git.example.com/desk/algos",
        "https://git.example.com/desk/algos/",
        "https://GIT.example.com:443/desk//algos.git/",
        "https://ada:token@git.example.com/desk/algos.git",
        "ssh://git@git.example.com/desk/algos.git",
        "ssh://git.example.com:22/desk/algos",
        "git@git.example.com:desk/algos.git",
        "git.example.com:/desk/algos",
    ],
)
def test_the_same_repository(other: str) -> None:
    assert same(HTTPS, other)
    assert same(other, HTTPS)


@pytest.mark.parametrize(
    "other",
    [
        "https://git.example.com/desk/algos2.git",
        "https://git.example.com/Desk/algos.git",
        "https://git.example.org/desk/algos.git",
        "https://git.example.com:8443/desk/algos.git",
        "git@git.example.com:other/algos.git",
        "/desk/algos.git",
        "",
    ],
)
def test_another_repository(other: str) -> None:
    assert not same(HTTPS, other)


def test_paths_on_this_machine() -> None:
    assert same("/srv/git/algos.git", "file:///srv/git/algos")
    assert not same("/srv/git/algos", "srv/git/algos")
    assert same("[::1]:desk/algos", "ssh://git@[::1]/desk/algos.git")


def test_credentials_are_taken_out() -> None:
    assert without_credentials("https://ada:secret@git.example.com/a.git") == "https://git.example.com/a.git"
    assert without_credentials("git@git.example.com:a.git") == "git@git.example.com:a.git"
