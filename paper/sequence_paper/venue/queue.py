"""How far a resting order stands from the front of its queue, seen through level sizes and prints only.

A print at the price takes from the front: certain. A decrease that no print explains is somebody's cancel, and a
level feed does not tell whether that somebody stood before or behind us. Three answers, from one another's bounds:
all from behind (``RISK_AVERSE``, never too early), all from the front (``OPTIMISTIC``, never too late), and
``CALIBRATED``: the chance that it was behind us is ``1 - (front / (front + back))**3``, which on recorded
order-level data is nearly unbiased (``tests/accuracy/test_queue_model.py``). The probability functions are those
described by Rigtorp (2013) and by the hftbacktest project's documentation.
"""

from __future__ import annotations

from enum import StrEnum


class QueueModel(StrEnum):
    CALIBRATED = "calibrated"
    RISK_AVERSE = "risk-averse"
    OPTIMISTIC = "optimistic"


def ahead_after_decrease(model: QueueModel, ahead_1e8: int, level_1e8: int, decrease_1e8: int) -> int:
    """Quantity in front after the level shrank by ``decrease_1e8`` without a print.

    ``level_1e8``: others' size at the price before the decrease. All arguments >= 0, ``ahead <= level`` expected
    (clamped), integers throughout, rounded against us. Never below 0 nor above what is left of the level; an
    order behind another stays behind it or comes level (the curve only falls where the clamp already holds).
    """
    left = max(0, level_1e8 - decrease_1e8)
    ahead = min(ahead_1e8, level_1e8)
    if ahead <= 0 or left == 0:
        return 0
    if model is QueueModel.CALIBRATED:
        ahead -= decrease_1e8 * ahead**3 // level_1e8**3
    elif model is QueueModel.OPTIMISTIC:
        ahead -= decrease_1e8
    # What cannot have been behind us was in front.
    return max(0, min(ahead, left))
