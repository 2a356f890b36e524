"""What is loaded of the Kubernetes library, seen in processes of their own: here others have loaded it."""

from __future__ import annotations

import json
import subprocess
import sys


def run(*lines: str) -> list[str]:
    """What a fresh interpreter answers: its last line prints JSON."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    answer: list[str] = json.loads(done.stdout)
    return answer


def test_the_operator_loads_no_synchronous_client_and_nothing_for_a_terminal() -> None:
    loaded = run(
        "import json, sys",
        "from sequence_operator import logs",
        "logs.configure('json')",
        "import sequence_operator.controller.app",
        "import kubernetes.aio.client, kubernetes.aio.config",
        "print(json.dumps(list(sys.modules)))",
    )
    assert {"kopf", "httpx", "structlog", "kubernetes.aio.client", "kubernetes.aio.config"} <= {*loaded}
    assert {"kubernetes.config", "kubernetes.dynamic", "requests"}.isdisjoint(loaded)
    assert {"kubernetes.aio.dynamic", "rich", "pygments"}.isdisjoint(loaded)


def test_who_asks_for_it_gets_it_whole() -> None:
    names = run(
        "import json",
        "import sequence_operator.cluster",
        "import kubernetes",
        "from kubernetes import config",
        "import rich.console, kubernetes.aio",
        "wanted = kubernetes.client.CoreV1Api, config.load_kube_config, kubernetes.aio.dynamic.DynamicClient",
        "print(json.dumps([thing.__module__.split('.')[0] for thing in wanted] + [kubernetes.__version__]))",
    )
    assert names[:3] == ["kubernetes"] * 3
    assert names[3]
