"""Loads of the Kubernetes library what we use: its asynchronous half.

`import kubernetes.aio` runs the `__init__` of `kubernetes` first, which loads the synchronous client with requests and
OAuth: more than two hundred modules, and half of the processor time of a `sequence status`.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType


def spare_the_synchronous_half() -> None:
    """Put a package in place whose `__init__` runs only when somebody asks it for something.

    To be called before anything imports `kubernetes`, kopf included; afterwards it changes nothing.
    """
    if "kubernetes" not in sys.modules and (package := _unexecuted("kubernetes")) is not None:
        sys.modules["kubernetes"] = package


def _unexecuted(name: str) -> ModuleType | None:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        return None  # it is not installed: the import that follows says so
    package, loader = importlib.util.module_from_spec(spec), spec.loader

    def whole(attribute: str) -> object:
        if (submodule := sys.modules.get(f"{name}.{attribute}")) is not None:
            return submodule  # it is being imported, and not yet an attribute
        del package.__dict__["__getattr__"]
        loader.exec_module(package)
        return getattr(package, attribute)

    package.__dict__["__getattr__"] = whole  # PEP 562; submodules are found without it
    return package
