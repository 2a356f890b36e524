"""A port that was chosen stays ours until the end: nobody gets it between the choice and the server that uses it."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sequence_operator.local import paper as local_paper
from sequence_operator.local import ports, probes
from sequence_operator.local.errors import LocalError
from sequence_operator.local.options import Options
from sequence_operator.local.paper import Paper
from sequence_operator.local.ports import HeldPort
from sequence_operator.local.stack import Stack

IP_LOCAL_PORT_RANGE = 51  # <linux/in.h>
linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a port is free at the choice only")


class Silent:
    def say(self, line: str) -> None:
        """Nobody listens."""


def server(port: int) -> socket.socket:
    return socket.create_server((ports.LOOPBACK, port))  # sets SO_REUSEADDR, as the servers of all parts do


class Another(socketserver.BaseRequestHandler):
    """Some program's server: it hangs up at once."""

    def handle(self) -> None:
        self.request.close()


@contextlib.contextmanager
def another(port: int) -> Iterator[None]:
    """Another program listens on this very port."""
    with socketserver.TCPServer((ports.LOOPBACK, port), Another, bind_and_activate=False) as taken:
        taken.allow_reuse_address = True
        taken.server_bind()
        taken.server_activate()
        thread = threading.Thread(target=taken.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            taken.shutdown()
            thread.join()


@pytest.fixture
def held() -> Iterator[HeldPort]:
    port = ports.hold()
    yield port
    port.release()


@pytest.fixture
def preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A port that paper prefers in this test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    port = ports.hold()
    port.release()
    monkeypatch.setattr(local_paper, "PORT", port.number)
    return port.number


def prepared(folder: Path, options: Options | None = None) -> Paper:
    paper = Paper(folder, options or Options())
    paper.prepare(Silent())
    return paper


# -- one port --------------------------------------------------------------------------------------------


@linux
def test_a_held_port_refuses_connections_until_its_server_listens(held: HeldPort) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((ports.LOOPBACK, held.number))
    for _ in range(2):  # the second time after a connection that is still in TIME_WAIT
        address = (ports.LOOPBACK, held.number)
        with server(held.number) as listening, socket.create_connection(address) as client:
            listening.accept()[0].close()
            assert client.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((ports.LOOPBACK, held.number))


@linux
@pytest.mark.parametrize("way", ["connects", "serves"])
def test_the_kernel_gives_a_held_port_to_nobody(held: HeldPort, way: str) -> None:
    """Asked for any port while no other one is left to choose from."""

    def take() -> None:
        with server(0) as listening, socket.socket() as client:
            try:
                client.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, only)
                asked = 0
            except OSError:  # before Linux 6.3: ask for this one, without the leave to share it
                asked = held.number
            if way == "serves" or asked:
                client.bind((ports.LOOPBACK, asked))
            if way == "connects":
                client.connect(listening.getsockname())
            assert client.getsockname()[1] == held.number

    only = struct.pack("I", held.number | held.number << 16)  # lowest and highest port
    with pytest.raises(OSError, match=r"already in use|Cannot assign requested address"):
        take()
    held.release()
    take()


def test_two_stacks_never_hold_the_same_port(held: HeldPort) -> None:
    """Neither listens yet, and one of them would take the other's server for its own."""
    assert ports.try_hold(held.number) is None
    program = "import sys; from sequence_operator.local import ports; print(ports.try_hold(int(sys.argv[1])))"
    done = subprocess.run(
        [sys.executable, "-c", program, str(held.number)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "None\n", done.stderr
    held.release()
    again = ports.try_hold(held.number)
    assert again is not None
    again.release()


# -- paper -----------------------------------------------------------------------------------------------


def test_the_second_of_two_takes_another_port_though_nobody_listens_yet(
    tmp_path: Path, preferred: int
) -> None:
    first, second = prepared(tmp_path / "first"), prepared(tmp_path / "second")
    try:
        assert first.port == preferred
        assert second.port not in (0, preferred)
    finally:
        first.close()
        second.close()


def test_a_port_that_accounts_name_is_refused_while_another_stack_has_it(
    tmp_path: Path, preferred: int
) -> None:
    first = prepared(tmp_path / "first")
    first.remember_ports()
    again = Paper(tmp_path / "first", Options())
    with pytest.raises(LocalError, match=str(preferred)):
        again.prepare(Silent())
    first.close()
    again.prepare(Silent())
    assert again.port == preferred
    again.close()


async def test_a_port_lost_at_the_last_moment_is_another_port_until_accounts_name_it(
    tmp_path: Path, preferred: int
) -> None:
    """Somebody who asks for exactly this number can still have it before the API listens."""
    (tmp_path / "logs").mkdir()
    stack = Stack(tmp_path, Options(), None, Silent())
    paper = stack._paper
    paper.prepare(Silent())
    try:
        with another(preferred):
            await stack._start_api()
            assert paper.port not in (0, preferred)
            assert stack.run.endpoint == paper.endpoint
            assert probes.get(paper.port, "/v1/health")[0] == 200
            await stack._supervisor.stop("paper-api")
        paper.remember_ports()
        with another(paper.port), pytest.raises(BaseExceptionGroup) as failed:
            await stack._start_api()
        assert failed.group_contains(LocalError, match=f"the port 127.0.0.1:{paper.port} is taken")
    finally:
        await stack._stop()


def test_api_and_edges_keep_market_data_in_the_stack_s_own_folder(tmp_path: Path) -> None:
    paper = prepared(tmp_path / "paper")
    try:
        parts = [paper.api_part(), *paper.edge_parts("key")]
        named = [part.argv[list(part.argv).index("--ticks") + 1] for part in parts]
    finally:
        paper.close()
    assert named == [str(tmp_path / "paper" / "ticks")] * 3


def test_what_up_was_asked_for_reaches_the_parts(tmp_path: Path) -> None:
    options = Options(feed="live", record="/frames", latency="venue", pools="/pools.toml")
    paper = prepared(tmp_path / "paper", options)
    try:
        api, *edges = [list(part.argv) for part in [paper.api_part(), *paper.edge_parts("key")]]
    finally:
        paper.close()
    assert api[api.index("--pools") + 1] == "/pools.toml"
    for edge in edges:
        given = [edge[edge.index(name) + 1] for name in ("--feed", "--record", "--latency")]
        assert given == ["live", "/frames", "venue"]
