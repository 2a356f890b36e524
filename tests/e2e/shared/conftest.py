"""One stack for all files of this folder (one worker runs them, see `FromBothEnds`); each leaves it as it was.

A stack costs 15 s of processor time to start and end, more than most of these files spend on it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.localstack import LocalStack


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """One venue; a lost registration is given 3 s instead of 30 to appear, a drain 1 s instead of 60."""
    stack = LocalStack(tmp_path_factory.mktemp("stack"))
    stack.env |= {
        "SEQUENCE_OPERATOR_CREATE_GRACE": "3s",
        "SEQUENCE_OPERATOR_DRAIN_TIMEOUT": "1s",
        "SEQUENCE_OPERATOR_WARM_UP": "2s",
    }
    try:
        yield stack.up("--venue", "kraken")
    finally:
        stack.down()


@pytest.fixture(scope="module")
def stack(shared: LocalStack) -> Iterator[LocalStack]:
    yield shared
    shared.clear()
