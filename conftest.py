"""How tests are collected, whichever are asked for."""

from __future__ import annotations

import gc
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Without the garbage collector: it took two fifths of the time, of each worker, to find that all is still used.

    Nor is what was collected ever looked at again, by no pass of the collector while tests run.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
