"""One word for many instances."""

from __future__ import annotations

import itertools

import pytest

from sequence_paper.store.aggregate import aggregate_status, effective_risk

WORDS = ("pending", "accepted", "stopped", "running", "paused", "rejected")


def test_agreement_is_the_word_itself():
    for word in WORDS:
        assert aggregate_status([word, word]) == word
    assert aggregate_status([]) == "pending"


@pytest.mark.parametrize(
    ("mixture", "word"),
    [
        (["running", "rejected", "paused"], "rejected"),
        (["running", "paused"], "paused"),
        (["running", "pending"], "pending"),
        (["running", "stopped"], "running"),
        (["stopped", "accepted"], "stopped"),
    ],
)
def test_a_mixture_is_what_most_needs_a_person(mixture, word):
    for order in itertools.permutations(mixture):
        assert aggregate_status(order) == word


@pytest.mark.parametrize(
    ("deployment", "instance", "effective"),
    [
        (None, None, {}),
        ({"max_order_rate": 9}, None, {"max_order_rate": 9}),
        (None, {"max_order_rate": 9}, {"max_order_rate": 9}),
        ({"max_order_rate": 9}, {"max_order_rate": 12}, {"max_order_rate": 9}),
        ({"reduce_only": True}, {"reduce_only": False}, {"reduce_only": True}),
        ({"reduce_only": False}, {"reduce_only": True}, {"reduce_only": True}),
    ],
)
def test_no_override_loosens_a_limit(deployment, instance, effective):
    assert effective_risk(deployment, instance) == effective
