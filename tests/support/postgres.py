"""A throwaway Postgres cluster on a free port, for tests of the second database. It must exist: nothing is skipped."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pg8000.native

from support.processes import free_port


class Postgres:
    """`start()`, a `url(name)` per database, `stop()`. Under root it runs as the user postgres, as initdb demands."""

    def __init__(self) -> None:
        # Not in pytest's folder, which only its owner may enter.
        self.folder = Path(tempfile.mkdtemp(prefix="sequence-postgres-"))
        self.port = free_port()
        self._data = self.folder / "data"

    def start(self) -> Postgres:
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        settings = f"-h 127.0.0.1 -p {self.port} -k {self.folder} -F -c max_connections=50"
        log = str(self.folder / "server.log")
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", log, "-o", settings, "start")
        return self

    def url(self, name: str) -> str:
        """A fresh, empty database."""
        connection = pg8000.native.Connection(
            "postgres", host="127.0.0.1", port=self.port, database="postgres"
        )
        connection.run(f'CREATE DATABASE "{name}"')
        connection.close()
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", "immediate", "stop")
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(_find(program)), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/")
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"


def _find(program: str) -> Path:
    found = shutil.which(program)
    if found is not None:
        return Path(found)
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    assert places, f"{program} is not installed: run `make postgres` (Debian package postgresql)"
    return places[-1]
