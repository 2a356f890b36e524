"""Where an account can trade, within which limits, and what its trading has come to."""

from __future__ import annotations

from support.processes import wait_until


def test_a_venue_is_connected_while_an_edge_of_it_is_there(desk, own_edge):
    def row(venue: str = "okx") -> dict:
        return next((r for r in desk.ok("GET", "/venues")["venues"] if r["venue"] == venue), {})

    def credentials() -> list[str]:
        return [c["venue"] for c in desk.ok("GET", "/credentials")["credentials"]]

    wait_until(lambda: row().get("connected"), "okx is connected")
    assert row()["symbols"] == ["OKX-USD"]
    assert (row()["instrument_types"], row()["edges"]) == (["spot"], ["venue-edge-okx"])
    assert row()["fees"] is None, "nobody knows okx's fees here"
    assert row("kraken")["fees"] == {"maker_ppm": 1600, "taker_ppm": 2600}
    assert "okx" in credentials()
    own_edge.stop()
    wait_until(lambda: not row()["connected"], "okx has gone")
    assert row()["edges"] == []
    assert "okx" not in credentials()
    assert "kraken" in credentials()
    own_edge.start()


def test_credentials_name_no_secret_and_are_not_needed(desk):
    for row in desk.ok("GET", "/credentials")["credentials"]:
        none = {"stored": False, "stored_ns": None, "readable": None}
        assert row == {"venue": row["venue"], "status": "connected", "requires_credentials": False} | none


def test_the_account_limits_are_those_that_an_edge_enforces(desk):
    limits = desk.ok("GET", "/risk_limits")["limits"]
    assert limits.pop("max_open_orders") == 32
    assert set(limits.values()) == {None}
    refused = {"label": "main", "venue": "kraken", "symbols": ["BTC-USD"], "risk": {"max_open_orders": 33}}
    body = {"name": "too-many", "wasm_base64": "AGFzbQEAAAA=", "instances": [refused]}
    assert desk("POST", "/deployments", body)[0] == 422


def test_all_of_it_needs_a_key(desk):
    for path in ("/venues", "/credentials", "/risk_limits"):
        assert desk("GET", path, key="seq_test_" + "0" * 64)[0] == 401
