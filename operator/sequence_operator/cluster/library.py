"""Loads of the Kubernetes library what we use: the client and the configuration of its asynchronous half.

`import kubernetes.aio.client` runs the `__init__` of `kubernetes` first, which loads the synchronous client with
requests and OAuth: more than two hundred modules, and half of the processor time of a `sequence status`. Then that of
`kubernetes.aio`, which loads its dynamic client, leader election and more.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType


def spare_what_we_do_not_use() -> None:
    """Put packages in place whose `__init__` runs only when somebody asks them for something.

    To be called before anything imports `kubernetes`, kopf included; afterwards it changes nothing. Submodules are
    found without it: `import kubernetes.aio.client` asks nobody.
    """
    if "kubernetes" in sys.modules:
        return
    for name in ("kubernetes", "kubernetes.aio"):
        if (package := _unexecuted(name)) is not None:
            sys.modules[name] = package
            parent, _, child = name.rpartition(".")
            if parent:
                setattr(sys.modules[parent], child, package)


def _unexecuted(name: str) -> ModuleType | None:
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None
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
