"""A JSON-RPC endpoint with constant-product pools, on loopback; what it answers can be spoiled."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FakeChain:
    """``pools`` by address: (reserve0, reserve1). ``calls``: everything that was asked."""

    def __init__(self, pools: dict[str, tuple[int, int]]) -> None:
        self.pools = pools
        self.block, self.base_fee, self.tip = 21_000_000, 20 * 10**9, 10**9
        self.calls: list[dict[str, Any]] = []
        self.status, self.body = 200, b""
        chain = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                body = chain.body or json.dumps([chain.answer(one) for one in asked]).encode()
                self.send_response(chain.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v2/secret-key"

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(asked)
        told = {"jsonrpc": "2.0", "id": asked["id"]}
        match asked["method"]:
            case "eth_getBlockByNumber":
                return told | {"result": {"number": hex(self.block), "baseFeePerGas": hex(self.base_fee)}}
            case "eth_maxPriorityFeePerGas":
                return told | {"result": hex(self.tip)}
            case "eth_call":
                found = self.pools.get(asked["params"][0]["to"])
                if found is None:
                    return told | {"result": "0x"}
                words = [*found, 1_700_000_000]
                return told | {"result": "0x" + "".join(f"{word:064x}" for word in words)}
        return told | {"error": {"code": -32601, "message": "the method does not exist"}}

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
