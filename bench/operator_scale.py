"""How fast and how small the operator is with many deployments, on a real kube-apiserver and a stub platform.

Figures: seconds from the first apply until all are registered, started and Ready; RSS then; latency from a spec edit to
the platform call while all others are polled; seconds from drift on the platform to its correction, told on the stream
and found by the poll; API-server writes of an idle pass. `python -m bench.operator_scale --objects 1000`
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import wasmtime

from bench.stub_platform import KEY
from sequence_operator.artifact.store import configmap
from sequence_operator.local.controlplane import ControlPlane
from sequence_operator.local.ports import hold
from sequence_operator.spec.crd import crds

GROUP = "/apis/sequencemkts.com/v1alpha1"
NAMESPACE = "bench"
ALGO = Path(__file__).with_name("algo.wat")


class Api:
    """The few API-server calls the benchmark makes itself, over one pool of connections."""

    def __init__(self, plane: ControlPlane) -> None:
        self.base = plane.server
        context = ssl.create_default_context(cafile=str(plane.ca))
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=16),
            headers={"Authorization": f"Bearer {plane.admin_token}"},
        )

    async def call(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        data = json.dumps(body) if body is not None else None
        headers = {"Content-Type": kind}
        async with self.session.request(method, self.base + path, data=data, headers=headers) as answer:
            text = await answer.text()
            if answer.status >= 300:
                raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]}")
            return json.loads(text)

    async def apply(self, path: str, obj: dict[str, Any]) -> Any:
        query = "?fieldManager=bench&force=true"
        return await self.call("PATCH", path + query, obj, "application/apply-patch+yaml")


def deployment(index: int, sha256: str, *, rate: int = 20) -> dict[str, Any]:
    name = f"algo-{index:05d}"
    return {
        "apiVersion": "sequencemkts.com/v1alpha1",
        "kind": "AlgoDeployment",
        "metadata": {"name": f"{name}.sandbox", "namespace": NAMESPACE},
        "spec": {
            "deployment": name,
            "accountRef": {"name": "sandbox"},
            "state": "Running",
            "artifact": {
                "configMapRef": {"name": f"wasm-{sha256}", "key": "algo.wasm"},
                "sha256": sha256,
            },
            "instances": [{"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}],
            "risk": {"maxOrderRate": rate},
        },
    }


async def prepare(api: Api, endpoint: str, wasm: bytes) -> str:
    for definition in crds():
        name = definition["metadata"]["name"]
        await api.apply(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}", definition)
    await api.apply(
        f"/api/v1/namespaces/{NAMESPACE}",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
    )
    artifact = configmap(wasm, NAMESPACE)
    await api.apply(f"/api/v1/namespaces/{NAMESPACE}/configmaps/{artifact['metadata']['name']}", artifact)
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "key"},
        "stringData": {"apiKey": KEY},
    }
    await api.apply(f"/api/v1/namespaces/{NAMESPACE}/secrets/key", secret)
    account = {
        "apiVersion": "sequencemkts.com/v1alpha1",
        "kind": "PlatformAccount",
        "metadata": {"name": "sandbox", "namespace": NAMESPACE},
        "spec": {"endpoint": endpoint, "mode": "sandbox", "secretRef": {"name": "key", "key": "apiKey"}},
    }
    for _ in range(100):  # the new resource is served a moment after its definition is stored
        try:
            await api.apply(f"{GROUP}/namespaces/{NAMESPACE}/platformaccounts/sandbox", account)
            break
        except RuntimeError:
            await asyncio.sleep(0.1)
    return str(artifact["metadata"]["name"]).removeprefix("wasm-")


async def objects(api: Api) -> list[dict[str, Any]]:
    listed = await api.call("GET", f"{GROUP}/namespaces/{NAMESPACE}/algodeployments?resourceVersion=0")
    return list(listed["items"])


def ready(obj: dict[str, Any]) -> bool:
    status = obj.get("status", {})
    conditions = {c["type"]: c["status"] for c in status.get("conditions", [])}
    return (
        status.get("observedGeneration") == obj["metadata"]["generation"]
        and status.get("state") == "Running"
        and conditions.get("Ready") == "True"
    )


async def all_ready(api: Api, count: int) -> None:
    """Watch until that many objects are Ready. A watch, since listing 1000 objects costs the API server 0.2 s; it is
    begun anew from a list when the server closes it, as it does with readers that fall behind."""
    path = f"{GROUP}/namespaces/{NAMESPACE}/algodeployments"
    limit = aiohttp.ClientTimeout(total=None)
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        listed = await api.call("GET", f"{path}?resourceVersion=0")
        done = {obj["metadata"]["name"] for obj in listed["items"] if ready(obj)}
        query = f"?watch=1&resourceVersion={listed['metadata']['resourceVersion']}&timeoutSeconds=60"
        async with api.session.get(api.base + path + query, timeout=limit, read_bufsize=1 << 22) as stream:
            while len(done) < count and (line := await stream.content.readline()):
                obj = json.loads(line)["object"]
                if obj["kind"] == "AlgoDeployment" and ready(obj):
                    done.add(obj["metadata"]["name"])
        if len(done) >= count:
            return
    raise RuntimeError(f"not all of {count} were Ready within 600 s")


async def converge(api: Api, count: int, sha256: str) -> tuple[float, float]:
    """(seconds until all are applied, seconds until all are Ready), from the first apply."""
    watching = asyncio.create_task(all_ready(api, count))
    began = time.monotonic()
    numbers = iter(range(count))

    async def worker() -> None:
        for index in numbers:
            body = deployment(index, sha256)
            await api.call("POST", f"{GROUP}/namespaces/{NAMESPACE}/algodeployments?fieldManager=bench", body)

    await asyncio.gather(*(worker() for _ in range(12)))
    applied = time.monotonic() - began
    await watching
    return applied, time.monotonic() - began


async def figures(endpoint: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{endpoint}/bench/figures") as answer:
        return dict(await answer.json())


async def edits(api: Api, endpoint: str, sha256: str, samples: int) -> list[float]:
    """Seconds from the answer to a spec edit until the platform got the PATCH, one after the other."""
    taken = []
    for index in range(samples):
        body = deployment(index, sha256, rate=21)
        began = time.time_ns()
        await api.apply(f"{GROUP}/namespaces/{NAMESPACE}/algodeployments/{body['metadata']['name']}", body)
        name = body["spec"]["deployment"]
        while (seen := (await figures(endpoint))["patched_ns"].get(name)) is None:
            if time.time_ns() - began > 60e9:
                raise RuntimeError(f"the edit of {name} reached the platform not within 60 s")
            await asyncio.sleep(0.02)
        taken.append((seen - began) / 1e9)
    return taken


async def drifts(endpoint: str, numbers: range, *, told: bool) -> list[float]:
    """Seconds from a stop behind the operator's back until it was started again. told: the stream says so."""
    at: dict[str, int] = {}
    query = "" if told else "?silent"
    async with aiohttp.ClientSession() as session:
        for index in numbers:
            name = f"algo-{index:05d}"
            async with session.post(f"{endpoint}/bench/drift/{name}{query}") as answer:
                at[name] = (await answer.json())["at_ns"]
            await asyncio.sleep(0.3)
    while True:
        started = (await figures(endpoint))["started_ns"]
        if all(started[name] > began for name, began in at.items()):
            return [(started[name] - began) / 1e9 for name, began in at.items()]
        if time.time_ns() - max(at.values()) > 60e9:
            raise RuntimeError("drift was not corrected within 60 s")
        await asyncio.sleep(0.25)


async def versions(api: Api) -> dict[str, str]:
    return {o["metadata"]["name"]: o["metadata"]["resourceVersion"] for o in await objects(api)}


async def settled(api: Api) -> None:
    """Wait until two looks, a second apart, find the same versions: the last correction is written down."""
    before: dict[str, str] = {}
    while (now := await versions(api)) != before:
        before = now
        await asyncio.sleep(1)


async def idle_writes(api: Api, seconds: float) -> int:
    """How many objects got a new resourceVersion in that time."""
    before = await versions(api)
    await asyncio.sleep(seconds)
    after = await versions(api)
    return sum(1 for name, version in after.items() if before[name] != version)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS")) / 1024


def spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return {"n": len(ordered), "p50": round(statistics.median(ordered), 3), "p99": round(p99, 3)}


async def measure(plane: ControlPlane, folder: Path, count: int, qps: int) -> dict[str, Any]:
    held = hold(), hold()
    port, health = (each.number for each in held)
    endpoint = f"http://127.0.0.1:{port}"
    stub = subprocess.Popen(
        [sys.executable, "-m", "bench.stub_platform", "--port", str(port), "--qps", str(qps)]
    )
    api = Api(plane)
    operator = None
    try:
        sha256 = await prepare(api, endpoint, bytes(wasmtime.wat2wasm(ALGO.read_text())))
        command = [sys.executable, "-m", "sequence_operator.controller", "--namespace", NAMESPACE]
        command += ["--kubeconfig", str(plane.kubeconfig), "--health-address", f"127.0.0.1:{health}"]
        with (folder / "operator.log").open("wb") as log:
            operator = subprocess.Popen(command, stderr=log, stdout=log)
        await until_ready(health)
        applied, converged = await converge(api, count, sha256)
        result: dict[str, Any] = {"objects": count, "qps": qps, "applied_s": round(applied, 2)}
        result |= {"converged_s": round(converged, 2), "rss_mib": round(rss_mib(operator.pid), 1)}
        server = plane.processes["apiserver"].pid
        result["operator_cpu_s"] = round(cpu_seconds(operator.pid), 1)
        result["apiserver_cpu_s"] = round(cpu_seconds(server), 1)
        result["edit_to_call_s"] = spread(await edits(api, endpoint, sha256, min(100, count)))
        # Others each time: a second stop of the same one within ten minutes would be respected.
        by_poll = range(max(count * 3 // 100, 1))
        by_stream = range(by_poll.stop, by_poll.stop + max(count // 5, 1))
        result["drift_corrected_s"] = spread(await drifts(endpoint, by_poll, told=False))
        result["drift_corrected_by_stream_s"] = spread(await drifts(endpoint, by_stream, told=True))
        await settled(api)
        result["idle_writes_in_30_s"] = await idle_writes(api, 30)
        result["rss_after_mib"] = round(rss_mib(operator.pid), 1)
        result["platform_calls"] = (await figures(endpoint))["calls"]
        return result
    finally:
        await api.session.close()
        for process in (operator, stub):
            if process is not None:
                process.terminate()
                process.wait(30)
        for each in held:
            each.release()


async def until_ready(port: int) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(300):
            try:
                async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)
    raise RuntimeError("the operator was not ready within 30 s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=1000)
    parser.add_argument("--qps", type=int, default=1000)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ControlPlane(Path(name)) as plane:
        result = asyncio.run(measure(plane, Path(name), arguments.objects, arguments.qps))
    result["machine"] = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
