"""The parts of paper, our own platform: message bus, API, and one edge process a venue. It is met over HTTP only."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sequence_operator.local import ports, probes
from sequence_operator.local.errors import LocalError
from sequence_operator.local.folders import make_private, write_private
from sequence_operator.local.options import Options
from sequence_operator.local.ports import HeldPort
from sequence_operator.local.supervisor import Part
from sequence_operator.local.talk import Talk
from sequence_operator.spec.names import Mode

PORT = 50052  # where the platform's own local server listens by habit
ACCOUNT = "local"
REQUESTS_PER_SECOND = 50
PORT_TAKEN = 98  # exit code of the API
PORT_IN_USE = 6  # exit code of ours


@dataclass
class Paper:
    """Paper in ``folder``; `prepare` takes the ports, which are held until `close`."""

    folder: Path
    options: Options
    _held: dict[str, HeldPort] = field(default_factory=dict, repr=False)
    _fixed: bool = False

    @property
    def port(self) -> int:
        return self._held["api"].number

    @property
    def bus_port(self) -> int:
        return self._held["bus"].number

    @property
    def endpoint(self) -> str:
        return f"http://{ports.LOOPBACK}:{self.port}"

    @property
    def database(self) -> str:
        return f"sqlite:///{self.folder / 'paper.db'}"

    @property
    def ticks(self) -> Path:
        """What edges record of the market."""
        return self.folder / "ticks"

    @property
    def bus(self) -> str:
        return f"nats://{ports.LOOPBACK}:{self.bus_port}"

    def prepare(self, talk: Talk) -> None:
        """Choose the ports. Raises LocalError when paper is not installed, or its fixed port is taken."""
        require_paper()
        make_private(self.folder)
        last = json.loads(self._ports.read_text()) if self._ports.exists() else {}
        self._fixed = bool(last)
        wanted = last.get("api") or PORT
        api = ports.try_hold(wanted)
        if api is None:
            if self._fixed:
                raise port_taken(wanted)
            api = self._another(wanted, talk)
        self._held = {"api": api, "bus": ports.hold([last.get("bus")])}

    def move(self, talk: Talk) -> bool:
        """Another port for the API, whose own turned out to be taken; False when accounts in the cluster name it.

        They may not change it: another port would orphan them.
        """
        if self._fixed:
            return False
        taken = self._held.pop("api")
        taken.release()
        self._held["api"] = self._another(taken.number, talk)
        return True

    def _another(self, taken: int, talk: Talk) -> HeldPort:
        port = ports.hold()
        talk.say(f"the port {ports.LOOPBACK}:{taken} is taken; paper uses {port.number}")
        return port

    def close(self) -> None:
        """Let others have the ports."""
        for port in self._held.values():
            port.release()

    def remember_ports(self) -> None:
        """Fix them for later runs: from now on accounts name them."""
        write_private(self._ports, json.dumps({"api": self.port, "bus": self.bus_port}) + "\n")
        self._fixed = True

    @property
    def _ports(self) -> Path:
        return self.folder / "ports.json"

    def bus_part(self) -> Part:
        return Part(
            "nats",
            [str(nats_server()), "-a", ports.LOOPBACK, "-p", str(self.bus_port)],
            lambda: probes.listens(self.bus_port),
            address=f"{ports.LOOPBACK}:{self.bus_port}",
        )

    def api_part(self) -> Part:
        program = [sys.executable, "-m", "sequence_paper.api", "--db", self.database, "--nats", self.bus]
        program += ["--ticks", str(self.ticks)]
        program += ["--pools", self.options.pools] if self.options.pools else []
        return Part(
            "paper-api",
            [*program, "--host", ports.LOOPBACK, "--port", str(self.port), "--call-log", str(self.call_log)],
            lambda: probes.get(self.port, "/v1/health")[0] == 200,
            address=self.endpoint,
            explain=lambda code: port_taken(self.port) if code == PORT_TAKEN else None,
        )

    @property
    def call_log(self) -> Path:
        """One JSON line a request that paper answered."""
        return self.folder.parent / "logs" / "calls.jsonl"

    def edge_parts(self, key: str) -> list[Part]:
        """One part a venue; ``key`` reads the list of edges (any mode's)."""
        return [self._edge_part(venue, key) for venue in self.options.venues]

    def _edge_part(self, venue: str, key: str) -> Part:
        options = self.options
        argv = [sys.executable, "-m", "sequence_paper.edge", "--venue", venue]
        argv += ["--db", self.database, "--nats", self.bus, "--ticks", str(self.ticks)]
        argv += ["--feed", options.feed_of(venue)]
        argv += ["--seed", str(options.seed), "--pace", options.pace]
        argv += ["--latency", options.latency, "--fees", options.fees]
        argv += ["--record", options.record] if options.record else []
        argv += ["--gate", str(options.gate)] if options.gate else []
        argv += ["--until", f"{options.until:g}"] if options.until else []
        return Part(
            f"edge-{venue}",
            argv,
            lambda: self.edge(venue, key).get("alive") is True,
            detail=f"{options.feed_of(venue)} feed",
        )

    def edge(self, venue: str, key: str) -> dict[str, Any]:
        """What the platform knows of a venue's edge; empty when it knows none."""
        answer = probes.get_json(self.port, "/v1/edges", {"Authorization": f"Bearer {key}"})
        name = f"venue-edge-{venue}"
        return next((edge for edge in answer.get("edges", []) if edge.get("edge_id") == name), {})

    def key(self, mode: Mode) -> str:
        """The API key of this mode: the one of the last run while paper accepts it, else a new one."""
        kept = self.folder / f"{mode}.key"
        if kept.exists():
            key = kept.read_text().strip()
            if probes.get(self.port, "/v1/account", {"Authorization": f"Bearer {key}"})[0] == 200:
                return key
        program = [sys.executable, "-m", "sequence_paper.keys", "--db", self.database, "--account", ACCOUNT]
        program += ["--mode", mode, "--qps", str(REQUESTS_PER_SECOND)]
        program += ["--key-file", str(kept)]
        done = subprocess.run(program, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise LocalError(
                f"paper gave no {mode} API key",
                cause=done.stderr.strip() or f"exit code {done.returncode}",
                hint="`sequence down --purge` starts from an empty state",
            )
        return str(json.loads(done.stdout)["key"])


def port_taken(port: int) -> LocalError:
    """Exit code 6: something else uses what we need."""
    return LocalError(
        f"the port {ports.LOOPBACK}:{port} is taken",
        cause=f"another program uses it, and the accounts of this local stack point to {port}",
        hint=f"end that program (`lsof -i :{port}` names it), or start from an empty state: sequence down --purge",
        exit_code=PORT_IN_USE,
    )


def nats_server() -> Path:
    """The NATS server: from PATH, or the one of the wheel beside this Python."""
    beside = Path(sys.executable).with_name("nats-server")
    found = shutil.which("nats-server") or (str(beside) if beside.exists() else None)
    if found is None:
        raise _not_installed("there is no nats-server in PATH nor beside this Python")
    return Path(found)


def require_paper() -> None:
    """Raise LocalError unless everything that paper needs is installed."""
    missing = [
        name for name in ("sequence_paper", "fastapi", "nats", "sqlalchemy", "uvicorn") if not _has(name)
    ]
    if missing:
        raise _not_installed(f"not installed: {', '.join(missing)}")
    nats_server()


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _not_installed(cause: str) -> LocalError:
    hint = "pip install 'sequence-operator[paper]'"
    return LocalError("paper, the local platform, is not installed", cause=cause, hint=hint, exit_code=5)
