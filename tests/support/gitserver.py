"""A git server on loopback: git's own smart HTTP backend behind a small web server, and repositories to serve.

What is committed with `Repository.commit` is on the server at once; whoever clones over HTTP may push too.
"""

from __future__ import annotations

import base64
import gzip
import os
import shutil
import ssl
import subprocess
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from support.processes import PATIENCE

ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
}
"""What git is told in tests, so that nobody's own configuration has a say."""


def git(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None, stdin: bytes | None = None) -> str:
    """Run git; its standard output without the last newline. Another exit code than 0 fails the test."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=cwd,
        env={**os.environ, **ENVIRONMENT, **(env or {})},
        input=stdin,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr.decode(errors='replace')}"
    return done.stdout.decode(errors="surrogateescape").removesuffix("\n")


@dataclass
class Repository:
    """One repository: the bare one that is served, and a folder to edit its files in.

    url: where it is served, without credentials; it stays the same when the server stops and starts.
    """

    name: str
    bare: Path
    files: Path
    url: str

    def git(self, *arguments: str, env: Mapping[str, str] | None = None, stdin: bytes | None = None) -> str:
        """git on the served repository, with `files` as its work tree."""
        here = {"GIT_DIR": str(self.bare), "GIT_WORK_TREE": str(self.files)}
        return git(*arguments, cwd=self.files, env={**here, **(env or {})}, stdin=stdin)

    def write(self, path: str, content: str | bytes) -> Path:
        """Write one file of the work tree, making its folders; it is not committed yet."""
        target = self.files / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return target

    def remove(self, path: str) -> None:
        """Remove a file or a whole folder of the work tree."""
        target = self.files / path
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        else:
            target.unlink()

    def commit(
        self,
        message: str = "change",
        files: Mapping[str, str | bytes | None] | None = None,
        *,
        author: str = "",
        config: Mapping[str, str] | None = None,
        sign: bool = False,
    ) -> str:
        """Commit the whole work tree and return the commit's 40 hex digits.

        files: written first (None removes). author: `Name <mail>`. sign: sign it with the key that `config`
        names (user.signingkey, gpg.format, gpg.program, …). An unchanged tree makes an empty commit.
        """
        for path, content in (files or {}).items():
            if content is None:
                self.remove(path)
            else:
                self.write(path, content)
        self.git("add", "--all", "--force")
        settings = [part for key, value in (config or {}).items() for part in ("-c", f"{key}={value}")]
        options = ["--quiet", "--allow-empty", "--message", message]
        options += [f"--author={author}"] if author else []
        self.git(*settings, "commit", *options, *(["--gpg-sign"] if sign else ["--no-gpg-sign"]))
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str, *, at: str = "HEAD") -> None:
        """Make or move a branch without checking it out."""
        self.git("update-ref", f"refs/heads/{name}", at)

    def checkout(self, name: str) -> None:
        """Go on working on a branch, which is made when there is none of that name."""
        known = self.git("branch", "--list", name)
        self.git("checkout", "--quiet", *([] if known else ["-b"]), name)

    def delete_branch(self, name: str) -> None:
        self.git("update-ref", "-d", f"refs/heads/{name}")

    def tag(
        self, name: str, *, message: str = "", config: Mapping[str, str] | None = None, sign: bool = False
    ) -> None:
        """Tag HEAD; annotated when there is a message, signed like a commit. An existing tag is moved."""
        settings = [part for key, value in (config or {}).items() for part in ("-c", f"{key}={value}")]
        options = ["--force"] + (["--sign"] if sign else []) + (["--message", message] if message else [])
        self.git(*settings, "tag", *options, name)

    def unrelated(self, message: str = "another history") -> str:
        """What a force-push of an unrelated history leaves: the branch's only commit is this work tree's."""
        self.git("add", "--all", "--force")
        tree = self.git("write-tree")
        commit = self.git("commit-tree", tree, "-m", message)
        self.git("update-ref", self.git("symbolic-ref", "HEAD"), commit)
        return commit


@dataclass
class GitServer:
    """Serves every repository below one folder. Use it with ``with``, or `start` and `stop` it.

    requests: how often each kind was asked: `advertise`, `ls-refs` and `fetch` (`git ls-remote` is one
    advertise and one ls-refs), `receive-pack`, `denied`, `failed`, `other`. sent: bytes of answers by kind.
    user, password: asked for in every request when set. fail: an HTTP status to answer to everything.
    redirect: where to send everybody. certificate: files of a certificate and its key, to serve https. gate: requests
    wait while it is cleared.
    """

    root: Path
    user: str = ""
    password: str = ""
    fail: int = 0
    redirect: str = ""
    certificate: tuple[Path, Path] | None = None
    port: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    paths: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event, repr=False)
    _server: ThreadingHTTPServer | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def start(self) -> Self:
        """Listen; after a `stop` on the same port as before."""
        assert self._server is None, "it runs already"
        self.gate.set()
        self.root.mkdir(parents=True, exist_ok=True)
        outer = self

        class Handler(_Handler):
            git_server = outer

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Refuse connections from now on; repositories and the port are kept for the next `start`."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http{'s' if self.certificate else ''}://127.0.0.1:{self.port}"

    def repository(self, name: str = "algos", *, branch: str = "main") -> Repository:
        """Make an empty repository, served at `<url>/<name>.git`."""
        bare, files = self.root / f"{name}.git", self.root / f"{name}.files"
        files.mkdir(parents=True)
        git("init", "--quiet", "--bare", f"--initial-branch={branch}", str(bare), cwd=self.root)
        with (bare / "config").open("a") as config:
            # Clones may push; as the large hosts do, any commit may be fetched.
            config.write("[http]\n\treceivepack = true\n[gc]\n\tauto = 0\n")
            config.write("[uploadpack]\n\tallowAnySHA1InWant = true\n\tallowFilter = true\n")
        return Repository(name, bare, files, f"{self.url}/{name}.git")

    def count(self, kind: str, answered: int) -> None:
        with self._lock:
            self.requests[kind] += 1
            self.sent[kind] += answered

    def forget(self) -> None:
        """Start counting anew."""
        with self._lock:
            self.requests.clear()
            self.sent.clear()
            self.paths.clear()


class _Handler(BaseHTTPRequestHandler):
    """One request: the CGI call that git's documentation of http-backend describes."""

    git_server: GitServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        return None

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, ssl.SSLError):
            return  # the client was ended, or does not trust us, which is its right

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _serve(self, body: bytes) -> None:
        server = self.git_server
        server.paths.append(self.path)
        assert server.gate.wait(PATIENCE), "kept closed"
        if server.fail:
            self._answer("failed", server.fail, b"switched off by the test\n")
        elif server.redirect:
            self._answer("failed", 302, b"", {"Location": server.redirect + self.path})
        elif not self._admitted():
            self._answer("denied", 401, b"", {"WWW-Authenticate": 'Basic realm="git"'})
        else:
            self._backend(body)

    def _admitted(self) -> bool:
        if not self.git_server.user:
            return True
        wanted = base64.b64encode(f"{self.git_server.user}:{self.git_server.password}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {wanted}"

    def _backend(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        environment = {
            "PATH": os.environ["PATH"],
            **ENVIRONMENT,
            "GIT_PROJECT_ROOT": str(self.git_server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": self.client_address[0],
            "REMOTE_USER": self.git_server.user or "anonymous",
        }
        done = subprocess.run(
            ["git", "http-backend"], env=environment, input=body, capture_output=True, timeout=120
        )
        head, _, answer = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n") if ": " in line)
        status = int(headers.pop("Status", "200 OK").split()[0])
        self._answer(self._kind(parts.query, body), status, answer, headers)

    def _kind(self, query: str, body: bytes) -> str:
        if self.command == "GET":
            return "advertise" if query == "service=git-upload-pack" else "other"
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path.endswith("/git-receive-pack"):
            return "receive-pack"
        return "ls-refs" if b"command=ls-refs" in body[:64] else "fetch"

    def _answer(self, kind: str, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.git_server.count(kind, len(body))
        self.send_response(status)
        for name, value in (headers or {}).items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except ConnectionError:
            self.close_connection = True  # the client gave up, which is its right
