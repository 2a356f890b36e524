"""Is this commit signed by a key that the Secret names? OpenPGP by gpg, SSH by ssh-keygen, as git does it.

Everything gpg needs is in a folder of this request: no key but the Secret's has a say.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from sequence_operator.gitops.errors import GitError, cleaned

_SECONDS = 30.0
_KEY_LINE = re.compile(r"(sk-)?(ssh-|ecdsa-)\S+ ")
_HEADERS = ("gpgsig", "gpgsig-sha256")


def of_commit(raw: bytes) -> tuple[bytes, bytes]:
    """(what was signed, the signature) of a commit's raw content; the signature is empty without one."""
    head, _, message = raw.partition(b"\n\n")
    kept: list[bytes] = []
    signature: list[bytes] = []
    inside = False
    for line in head.split(b"\n"):
        name = line.partition(b" ")[0].decode("latin-1")
        if line.startswith(b" ") and inside:
            signature.append(line[1:])
        elif name in _HEADERS and not signature:
            inside = True
            signature.append(line.partition(b" ")[2])
        else:
            inside = False
            kept.append(line)
    return b"\n".join(kept) + b"\n\n" + message, b"\n".join(signature) + (b"\n" if signature else b"")


def verify(what: str, signed: bytes, signature: bytes, signers: Mapping[str, str], folder: Path) -> str:
    """Who signed, for people. `what` names the object in messages; folder: private and empty.

    Raises GitError (VerificationFailed, SignersInvalid).
    """
    openpgp = [text for text in signers.values() if "BEGIN PGP PUBLIC KEY BLOCK" in text]
    ssh = [line.strip() for text in signers.values() if "BEGIN PGP" not in text for line in text.splitlines()]
    ssh = [line for line in ssh if line and not line.startswith("#")]
    if not openpgp and not ssh:
        raise GitError(
            "SignersInvalid",
            "the Secret of spec.verify holds no key",
            "store OpenPGP public keys (gpg --armor --export) or SSH allowed signers in it",
            final=True,
        )
    if not signature.strip():
        raise _failed(f"{what} is not signed", "sign it: git commit -S, then push")
    (folder / "signature").write_bytes(signature)
    if signature.lstrip().startswith(b"-----BEGIN SSH SIGNATURE-----"):
        return _ssh(what, signed, ssh, folder)
    return _openpgp(what, signed, openpgp, folder)


def _openpgp(what: str, signed: bytes, keys: list[str], folder: Path) -> str:
    home = folder / "gnupg"
    home.mkdir(mode=0o700)
    command = [
        "gpg",
        "--homedir",
        str(home),
        "--batch",
        "--no-tty",
        "--no-autostart",
        "--no-auto-key-retrieve",
    ]
    for key in keys:
        _run([*command, "--quiet", "--import"], key.encode(), folder)
    (folder / "signed").write_bytes(signed)
    check = [*command, "--status-fd", "1", "--verify", str(folder / "signature"), str(folder / "signed")]
    done = _run(check, b"", folder)
    status = {
        line.split()[1]: line.split(maxsplit=3)
        for line in done.stdout.decode(errors="replace").splitlines()
        if line.startswith("[GNUPG:] ")
    }
    # GOODSIG alone: a key that has expired or was revoked says EXPKEYSIG or REVKEYSIG instead.
    if done.returncode == 0 and "GOODSIG" in status and "VALIDSIG" in status:
        return cleaned(status["GOODSIG"][3] if len(status["GOODSIG"]) > 3 else status["GOODSIG"][2])
    for word, why in (
        ("EXPKEYSIG", "the key that signed it has expired"),
        ("REVKEYSIG", "the key that signed it was revoked"),
        ("EXPSIG", "its signature has expired"),
        ("BADSIG", "its signature does not fit its content"),
        ("NO_PUBKEY", f"its key {status.get('NO_PUBKEY', ['', '', '?'])[2]} is none of those in the Secret"),
    ):
        if word in status:
            raise _failed(f"{what}: {why}")
    raise _failed(
        f"{what}: {cleaned(done.stderr.decode(errors='replace')) if keys else 'no OpenPGP key in the Secret'}"
    )


def _ssh(what: str, signed: bytes, lines: list[str], folder: Path) -> str:
    allowed = folder / "allowed_signers"
    allowed.write_text("".join(f"* {line}\n" if _KEY_LINE.match(line) else f"{line}\n" for line in lines))
    signature = str(folder / "signature")
    at = _signed_at(signed)
    time = ["-O", f"verify-time={at.strftime('%Y%m%d%H%M%SZ')}"] if at else []
    find = ["ssh-keygen", "-Y", "find-principals", "-s", signature, "-f", str(allowed), *time]
    found = _run(find, b"", folder)
    principals = found.stdout.decode(errors="replace").splitlines()
    if found.returncode or not principals:
        raise _failed(
            f"{what}: the key that signed it is none of those in the Secret, or was not valid at that time"
        )
    said = ""
    for principal in principals:
        check = [
            "ssh-keygen",
            "-Y",
            "verify",
            "-n",
            "git",
            "-s",
            signature,
            "-f",
            str(allowed),
            "-I",
            principal,
            *time,
        ]
        done = _run(check, signed, folder)
        if done.returncode == 0:
            return cleaned(principal if principal != "*" else done.stdout.decode(errors="replace"))
        said = cleaned((done.stderr + done.stdout).decode(errors="replace"))
    raise _failed(f"{what}: its signature does not fit its content ({said})")


def _signed_at(signed: bytes) -> datetime | None:
    """When the committer (tagger) says it was made: an allowed signer may be valid for some time only."""
    found = re.search(rb"^(?:committer|tagger) .*> (\d{1,11}) [+-]\d{4}$", signed, re.MULTILINE)
    return datetime.fromtimestamp(int(found[1]), UTC) if found else None


def _run(command: list[str], stdin: bytes, folder: Path) -> subprocess.CompletedProcess[bytes]:
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "LC_ALL": "C",
        "TZ": "UTC",
    }
    try:
        return subprocess.run(
            command,
            input=stdin,
            env=environment,
            cwd=folder,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise GitError(
            "VerifierMissing",
            f"{command[0]} is not installed, and signatures are required",
            f"install {command[0]} beside the operator",
        ) from None
    except subprocess.TimeoutExpired:
        raise GitError(
            "VerificationFailed", f"{command[0]} gave no answer within {_SECONDS:g} s", ""
        ) from None


def _failed(
    message: str,
    hint: str = "nothing of it is applied; sign it with a key in the Secret, or add its key there",
) -> GitError:
    return GitError("VerificationFailed", message, hint)
