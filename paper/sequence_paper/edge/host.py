"""What all sandboxes of a process share."""

from __future__ import annotations

from sequence_paper.edge.calls import fast_calls_work
from sequence_paper.edge.engine import Ticker, make_engine
from sequence_paper.edge.module import AlgoModule, load_module


class Host:
    """Engine, backstop ticker, and which way into a module works here (``fast``)."""

    def __init__(self) -> None:
        self.engine = make_engine()
        self.ticker = Ticker(self.engine)
        self.fast = fast_calls_work(self.engine)

    def load(self, wasm: bytes, *, timeout: float = 10.0) -> AlgoModule:
        """Compile and check. What is new takes a child process and some 0.3 s. Raises ModuleRefused."""
        return load_module(self.engine, wasm, timeout=timeout)

    def close(self) -> None:
        self.ticker.close()
