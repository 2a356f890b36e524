"""A real OpenSSH server on loopback, for the account that runs the tests, with keys of the test's own."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from support.processes import PATIENCE, free_port, listening

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin") or "/usr/sbin/sshd"


def keypair(path: Path) -> str:
    """Make an SSH key without passphrase; its public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)], check=True)
    return path.with_name(f"{path.name}.pub").read_text().strip()


class SshServer:
    """Serves this machine's git repositories to one key. Use it with ``with``.

    identity: the private key that may log in; known_hosts: the server's line.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.port = free_port()
        keypair(folder / "client")
        self.identity = (folder / "client").read_text()
        shutil.copy(folder / "client.pub", folder / "authorized_keys")
        self.change_host_key()

    def change_host_key(self) -> None:
        """A new host key, as an impostor would have; `known_hosts` is that of the present one."""
        for name in ("host", "host.pub"):
            (self.folder / name).unlink(missing_ok=True)
        kind, key, _ = keypair(self.folder / "host").split()
        self.known_hosts = f"[127.0.0.1]:{self.port} {kind} {key}\n"

    def __enter__(self) -> Self:
        options = {
            "ListenAddress": f"127.0.0.1:{self.port}",
            "HostKey": self.folder / "host",
            "AuthorizedKeysFile": self.folder / "authorized_keys",
            "PidFile": self.folder / "pid",
            "StrictModes": "no",
            "UsePAM": "no",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "PermitRootLogin": "prohibit-password",
        }
        Path("/run/sshd").mkdir(exist_ok=True) if getpass.getuser() == "root" else None
        command = [SSHD, "-D", "-e", "-f", "/dev/null"]
        command += [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while not listening(self.port):
            alive = self._process.poll() is None and time.monotonic() < deadline
            assert alive, (self.folder / "log").read_text()
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(timeout=PATIENCE)

    def url(self, repository: Path) -> str:
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{repository}"
