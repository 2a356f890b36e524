"""Numbers in the reasons of a route."""

import pytest

from sequence_paper.routing.words import price, quantity


@pytest.mark.parametrize(
    ("value", "text"),
    [(78_629_907_600_000, "78,629.9076"), (1_000_000_000, "1.00"), (500_000_000, "0.50"), (1, "0.000000001")],
)
def test_a_price(value: int, text: str) -> None:
    assert price(value) == text


@pytest.mark.parametrize(("value", "text"), [(50_000, "0.0005"), (200_000_000, "2"), (1, "0.00000001")])
def test_a_quantity(value: int, text: str) -> None:
    assert quantity(value) == text
