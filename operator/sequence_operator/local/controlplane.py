"""A real kube-apiserver with its store and two controllers, in one folder, on loopback.

Used by `sequence up`, and by tests through `ControlPlane(folder).start()`.
"""

from __future__ import annotations

import http.client
import secrets
import ssl
import subprocess
import time
from pathlib import Path
from types import TracebackType

from sequence_operator.local import binary, child, ports
from sequence_operator.local.errors import LocalError
from sequence_operator.local.folders import make_private, write_private
from sequence_operator.local.kubeconfig import write_kubeconfig
from sequence_operator.local.pki import ensure_pki
from sequence_operator.local.talk import StreamTalk, Talk

PORT_TAKEN = "address already in use"
AUDIT_POLICY = (
    "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n"
)


class ControlPlane:
    """One control plane whose data, keys and logs live in ``state_dir``.

    state_dir: made with mode 0700; its data survives `stop` and `kill`, and `start` finds it again.
    binary:    the program; by default resolved (built when missing).
    port:      loopback port; by default the last one when it is free, else any.
    audit:     write one JSON line per request to `audit_log` (who wrote what, for tests that count).
    controllers: run the garbage collector and the namespace controller too.

    After `start`: `kubeconfig` (administrator), `server` (https URL), `ca`, `admin_token`, `binary`, `port`.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        binary: Path | None = None,
        port: int | None = None,
        audit: bool = False,
        controllers: bool = True,
        talk: Talk | None = None,
    ) -> None:
        self.state_dir = Path(state_dir).absolute()
        self.audit_log = self.state_dir / "audit.log"
        self._talk = talk or StreamTalk()
        self._binary = binary
        self._wanted_port = port
        self._audit = audit
        self._controllers = controllers
        self.port = 0
        self._held: ports.HeldPort | None = None
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    # -- what it is -------------------------------------------------------------------------------------------

    @property
    def binary(self) -> Path:
        """The program that runs it; with the argument ``kubectl`` it is a kubectl of the same version."""
        if self._binary is None:
            self._binary = binary.resolve(self._talk)
        return self._binary

    @property
    def server(self) -> str:
        return f"https://{ports.LOOPBACK}:{self.port}"

    @property
    def kubeconfig(self) -> Path:
        return self.state_dir / "admin.kubeconfig"

    @property
    def ca(self) -> Path:
        return self.state_dir / "pki" / "ca.crt"

    @property
    def admin_token(self) -> str:
        return (self.state_dir / "admin.token").read_text().strip()

    @property
    def log(self) -> Path:
        return self.state_dir / "logs" / "apiserver.log"

    # -- files and commands -----------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Write keys, tokens and kubeconfigs and choose the port; changes nothing that a client may hold."""
        make_private(self.state_dir)
        for name in ("pki", "logs", "data"):
            make_private(self.state_dir / name)
        ensure_pki(self.state_dir / "pki")
        admin, manager = self._token("admin"), self._token("controllers")
        write_private(
            self.state_dir / "tokens.csv",
            f'{admin},admin,admin,"system:masters"\n'
            f"{manager},system:kube-controller-manager,system:kube-controller-manager\n",
        )
        if self._audit:
            write_private(self.state_dir / "audit.yaml", AUDIT_POLICY)
        self.choose_port()

    def choose_port(self) -> None:
        """Hold the last port, else any, unless one was asked for; write it where clients look."""
        remembered = self.state_dir / "port"
        last = int(remembered.read_text()) if remembered.exists() else None
        if self._wanted_port:
            self.port = self._wanted_port
        elif self._held is None:
            self._held = ports.hold([last])
            self.port = self._held.number
        write_private(remembered, f"{self.port}\n")
        write_kubeconfig(self.kubeconfig, server=self.server, ca=self.ca, token=self._token("admin"))
        write_kubeconfig(
            self.state_dir / "controllers.kubeconfig",
            server=self.server,
            ca=self.ca,
            token=self._token("controllers"),
            namespace="kube-system",
        )

    def _token(self, name: str) -> str:
        path = self.state_dir / f"{name}.token"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(32) + "\n")
        return path.read_text().strip()

    def server_command(self) -> list[str]:
        """The arguments that run the API server with its store."""
        pki = self.state_dir / "pki"
        command = [
            str(self.binary),
            "serve",
            f"--data-dir={self.state_dir / 'data'}",
            f"--secure-port={self.port}",
            f"--tls-cert-file={pki / 'apiserver.crt'}",
            f"--tls-private-key-file={pki / 'apiserver.key'}",
            f"--token-auth-file={self.state_dir / 'tokens.csv'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={pki / 'service-account.pub'}",
            f"--service-account-signing-key-file={pki / 'service-account.key'}",
        ]
        if self._audit:
            command += [
                f"--audit-policy-file={self.state_dir / 'audit.yaml'}",
                f"--audit-log-path={self.audit_log}",
                "--audit-log-mode=blocking",  # a line is there when the answer is
            ]
        return command

    def controllers_command(self) -> list[str]:
        """The arguments that run the garbage collector and the namespace controller."""
        kubeconfig = self.state_dir / "controllers.kubeconfig"
        return [
            str(self.binary),
            "controllers",
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--use-service-account-credentials=true",  # each controller has its own rules, as in production
            "--secure-port=0",
        ]

    # -- running ----------------------------------------------------------------------------------------------

    def start(self, timeout: float = 120.0) -> ControlPlane:
        """Start the processes and return when ``/readyz`` is 200; nothing is left running when it raises LocalError."""
        self.prepare()
        try:
            self._start_server(timeout)
            if self._controllers:
                self.processes["controllers"] = child.spawn(
                    self.controllers_command(), log=self.state_dir / "logs" / "controllers.log"
                )
        except BaseException:
            self.kill()
            raise
        return self

    def _start_server(self, timeout: float) -> None:
        for attempt in range(3):
            offset = self.log.stat().st_size if self.log.exists() else 0
            process = child.spawn(self.server_command(), log=self.log)
            self.processes["apiserver"] = process
            if self.wait_ready(process, timeout):
                return
            text = self.log.read_bytes()[offset:].decode(errors="replace")
            taken = PORT_TAKEN in text and self._wanted_port is None
            if not taken or attempt == 2:
                raise self._start_failed(process, text, timeout)
            child.kill(process)
            self.release_port()
            self.choose_port()  # where ports cannot be held, somebody may take it meanwhile

    def wait_ready(self, process: subprocess.Popen[bytes], timeout: float) -> bool:
        """True once the server answers 200 on /readyz; False when the process ends or the time is over."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and child.exit_code(process) is None:
            if self.ready():
                return True
            time.sleep(0.05)  # between two looks at the condition
        return False

    def ready(self) -> bool:
        """Whether /readyz answers 200 now, over a connection that our own authority vouches for."""
        context = ssl.create_default_context(cafile=str(self.ca))
        connection = http.client.HTTPSConnection(ports.LOOPBACK, self.port, timeout=5, context=context)
        try:
            connection.request("GET", "/readyz", headers={"Authorization": f"Bearer {self.admin_token}"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _start_failed(self, process: subprocess.Popen[bytes], text: str, timeout: float) -> LocalError:
        error = f"the local control plane did not start on {ports.LOOPBACK}:{self.port}"
        if PORT_TAKEN in text:
            hint = f"end the program that listens there (`lsof -i :{self.port}` names it)"
            return LocalError(error, cause=PORT_TAKEN, hint=hint, exit_code=6)
        code = child.exit_code(process)
        lines = [line for line in text.splitlines() if line.strip()]
        why = f"not ready after {timeout:.0f} s" if code is None else f"it ended with exit code {code}"
        hint = f"read {self.log}; `sequence down --purge` starts from an empty state"
        return LocalError(error, cause="\n".join([why, *lines[-3:]]), hint=hint)

    def stop(self, grace: float = 15.0) -> None:
        """End everything in order and leave no process behind; the data stays."""
        for name in ("controllers", "apiserver"):
            process = self.processes.pop(name, None)
            if process is not None:
                child.stop(process, grace=grace)
        self.release_port()

    def kill(self) -> None:
        """SIGKILL everything, as a crash would; the data stays."""
        for name in ("controllers", "apiserver"):
            process = self.processes.pop(name, None)
            if process is not None:
                child.kill(process)
        self.release_port()

    def release_port(self) -> None:
        """Let others have the port; the next `prepare` takes the same one if it still can."""
        if self._held is not None:
            self._held.release()
            self._held = None

    def __enter__(self) -> ControlPlane:
        return self if self.processes else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
