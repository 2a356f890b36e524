"""Where the files that ship beside the code are: the chart, and the source of the local control plane."""

from pathlib import Path
from typing import Literal

_HERE = Path(__file__).resolve().parent
_IN_REPOSITORY = {"chart": Path("charts/sequence-operator"), "controlplane": Path("controlplane")}


def path(name: Literal["chart", "controlplane"]) -> Path:
    """The folder of a shipped asset: inside the wheel when installed, else in the repository it was cloned with.

    Raises FileNotFoundError when neither is there (a damaged installation).
    """
    packaged = _HERE / "_assets" / name
    if packaged.is_dir():
        return packaged
    checkout = _HERE.parents[1] / _IN_REPOSITORY[name]
    if checkout.is_dir():
        return checkout
    raise FileNotFoundError(f"{name} is missing from this installation (looked at {packaged} and {checkout})")
