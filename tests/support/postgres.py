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

# In whatever order, without the foreign keys' say. TRUNCATE makes files anew, and takes as long as a new database.
_EMPTY = """
DO $$
DECLARE name text;
BEGIN
  SET LOCAL session_replication_role = replica;
  FOR name IN SELECT quote_ident(tablename) FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'schema_version'
  LOOP EXECUTE 'DELETE FROM ' || name; END LOOP;
  FOR name IN SELECT quote_ident(sequencename) FROM pg_sequences
    WHERE schemaname = 'public' AND last_value IS NOT NULL
  LOOP EXECUTE 'ALTER SEQUENCE ' || name || ' RESTART'; END LOOP;
END $$
"""


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
        """A fresh, empty database. To make one copies some megabytes: 0.2 s of processor time."""
        self._ask("postgres", f'CREATE DATABASE "{name}"')
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def empty(self, name: str) -> None:
        """Remove every row of a database of ours but its version; numbers begin at 1 again."""
        self._ask(name, _EMPTY)

    def _ask(self, database: str, statement: str) -> None:
        connection = pg8000.native.Connection("postgres", host="127.0.0.1", port=self.port, database=database)
        try:
            connection.run(statement)
        finally:
            connection.close()

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
