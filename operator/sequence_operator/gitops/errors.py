"""The one exception of what is done with git, and how git's own words become a reason."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LONGEST = 600  # characters of git's words in a message


class GitError(Exception):
    """A repository cannot be used, or not now.

    `reason` is one CamelCase word for a condition; `message` what is wrong; `hint` what somebody does about it.
    `final`: trying again cannot help until the source, a Secret or the repository changes.
    """

    def __init__(self, reason: str, message: str, hint: str = "", *, final: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.hint = hint
        self.final = final

    @property
    def advice(self) -> str:
        """What is wrong and what to do about it, in one line."""
        return f"{self.message}; {self.hint}" if self.hint else self.message


_KNOWN: tuple[tuple[str, str, str], ...] = (
    # (pattern in git's words, reason, hint); the first that fits counts
    (
        r"Host key verification failed|IDENTIFICATION HAS CHANGED",
        "HostKeyMismatch",
        "compare the server's key with known_hosts in the Secret; `ssh-keyscan HOST` prints the present one, check it "
        "by another way before you trust it",
    ),
    (
        r"Authentication failed|could not read (Username|Password)|Permission denied|returned error: (401|403)"
        r"|Too many authentication failures|Load key .* (invalid|error)|HTTP 40[13]",
        "AuthFailed",
        "put valid credentials into the Secret that spec.secretRef names",
    ),
    (
        r"returned error: 30\d|unable to update url base from redirection",
        "UrlRefused",
        "the server redirects, which is not followed: name the final address in spec.url",
    ),
    (
        r"[Rr]epository .*not found|does not appear to be a git repository|returned error: 404",
        "RepositoryNotFound",
        "check spec.url; servers say so, too, when the credentials may not see the repository",
    ),
    (
        r"transport '.*' not allowed",
        "UrlRefused",
        "use https or ssh",
    ),
    (
        r"File too large|signal 25|file size limit exceeded|exceeds maximum allowed size",
        "TooLarge",
        "keep data and build results out of the repository",
    ),
    (
        r"couldn't find remote ref|not our ref|unadvertised object|no such remote ref",
        "RefNotFound",
        "check spec.ref; a commit is fetched only from servers that serve commits by id",
    ),
    (r"[Oo]ut of memory|cannot allocate|mmap failed", "TooLarge", "keep data out of the repository"),
    (r"No space left", "CacheFailed", "give the operator's git cache more room"),
)


def from_git(said: str, doing: str, secrets: Iterable[str] = ()) -> GitError:
    """git failed while `doing`; `said` is its standard error, from which the `secrets` are taken out."""
    text = cleaned(said, secrets)
    for pattern, reason, hint in _KNOWN:
        if re.search(pattern, said):
            return GitError(reason, f"{doing}: {text}", hint)
    return GitError("FetchFailed", f"{doing}: {text}", "it is tried again")


def cleaned(said: str, secrets: Iterable[str] = ()) -> str:
    """git's words fit for a status: the lines that matter, printable, without secrets, not endless."""
    hidden = {part for secret in secrets for part in (secret, *secret.splitlines())}
    for secret in sorted(hidden, key=len, reverse=True):
        if len(secret) >= 4:  # shorter ones would blacken ordinary words
            said = said.replace(secret, "***")
    lines = [
        line.strip() for line in said.splitlines() if line.strip() and not line.startswith(("@@@", "hint:"))
    ]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))] or lines[-2:]
    text = (
        "; ".join(line.removeprefix("fatal: ").removeprefix("error: ") for line in fatal[:4])
        or "no reason given"
    )
    shown = "".join(character if character.isprintable() else " " for character in text)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"
