"""Subjects cannot be forged and payloads survive the bus."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_paper.mesh import wire

U64 = st.integers(0, 2**64 - 1)


@given(U64, U64, U64, st.binary(max_size=256))
def test_a_message_survives(epoch_ns: int, seq: int, sent_ns: int, payload: bytes) -> None:
    message = wire.MeshMessage(epoch_ns, seq, sent_ns, payload)
    assert wire.decode(wire.encode(message)) == message


@given(st.booleans(), U64, U64, U64, U64)
def test_a_probe_survives(is_answer: bool, a: int, b: int, c: int, d: int) -> None:
    probe = wire.Probe(is_answer, a, b, c, d)
    assert wire.decode_probe(wire.encode_probe(probe)) == probe


@pytest.mark.parametrize("data", [b"", bytes(32), bytes(34), b"\2" + bytes(32)])
def test_what_no_edge_asks_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="a probe of"):
        wire.decode_probe(data)


@pytest.mark.parametrize("size", [257, 5000])
def test_too_long_payloads_do_not_leave(size: int) -> None:
    with pytest.raises(ValueError, match=f"{size} bytes"):
        wire.encode(wire.MeshMessage(1, 1, 1, bytes(size)))


@pytest.mark.parametrize("size", [0, 23, 24 + 257])
def test_what_no_edge_sends_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"{size} bytes"):
        wire.decode(bytes(size))


@given(st.text(max_size=8))
def test_only_plain_words_become_part_of_a_subject(text: str) -> None:
    try:
        subject = wire.mesh_subject("dep_1", text, "b")
    except ValueError:
        return
    assert subject.count(".") == 3
    assert wire.sender_of(subject) == text
    assert not set(subject) & set(" *>\r\n\t")


def test_an_edge_hears_the_probes_that_are_meant_for_it() -> None:
    heard = wire.probe_subject("venue-edge-a", "venue-edge-b")
    assert heard.split(".")[2] == wire.probes_subject("venue-edge-b").split(".")[2]
    assert wire.prober_of(heard) == "venue-edge-a"


def test_an_inbox_hears_every_sender_of_its_deployment_only() -> None:
    inbox = wire.inbox_subject("dep_1", "b").split(".")
    heard = wire.mesh_subject("dep_1", "a", "b").split(".")
    other = wire.mesh_subject("dep_2", "a", "b").split(".")
    assert all(i in ("*", h) for i, h in zip(inbox, heard, strict=True))
    assert not all(i in ("*", o) for i, o in zip(inbox, other, strict=True))
