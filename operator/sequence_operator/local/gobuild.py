"""Build the control plane's binary with Go, telling how far it is."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from sequence_operator.local.errors import LocalError
from sequence_operator.local.talk import Talk

SECONDS_BETWEEN_LINES = 10.0


def flags(source: Path) -> list[str]:
    """Arguments of ``go build``. Without the version in them the server calls itself v0.0.0-master, and kubectl and
    helm refuse it."""
    version = kubernetes_version(source)
    major, minor, _ = version.removeprefix("v").split(".", 2)
    package = "k8s.io/component-base/version"
    link = [f"{package}.gitVersion={version}", f"{package}.gitMajor={major}", f"{package}.gitMinor={minor}"]
    return [
        "-mod=readonly",
        "-trimpath",
        "-buildvcs=false",
        "-ldflags",
        "-s -w " + " ".join(f"-X {pair}" for pair in link),
    ]


def kubernetes_version(source: Path) -> str:
    """The version that go.mod requires, for example v1.36.3."""
    found = re.search(r"^\s*k8s\.io/kubernetes (v\d+\.\d+\.\d+)$", (source / "go.mod").read_text(), re.M)
    if found is None:
        raise LocalError(
            f"{source / 'go.mod'} requires no release of k8s.io/kubernetes",
            hint="reinstall sequence-operator",
        )
    return found.group(1)


def build(go: Path, source: Path, target: Path, talk: Talk) -> None:
    """Compile ``source`` into ``target``, which appears complete or not at all.

    Raises LocalError with the compiler's last lines when it fails.
    """
    talk.say(
        f"building the local control plane (kube-apiserver {kubernetes_version(source)}): about 4 minutes, once"
    )
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".build-") as folder:
        output = Path(folder) / target.name
        # -v names every package as it is done, which is the only progress that Go gives.
        argv = [str(go), "build", "-v", *flags(source), "-o", str(output), "."]
        process = subprocess.Popen(
            argv, cwd=source, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )
        try:
            last = _follow(process.stderr or (), talk, began)
            code = process.wait()
        except BaseException:  # Ctrl-C: no compiler may go on behind the person's back
            process.kill()
            process.wait()
            raise
        if code != 0:
            raise _failed(code, last)
        os.replace(output, target)
    talk.say(f"built the local control plane in {time.monotonic() - began:.0f} s, kept in {target.parent}")


def _follow(lines: Iterable[str], talk: Talk, began: float) -> list[str]:
    """Read the compiler's lines to the end; return the last ones that are not progress."""
    downloads = packages = 0
    kept: list[str] = []
    shown = began
    for raw in lines:
        line = raw.rstrip()
        if line.startswith("go: downloading "):
            downloads += 1
        elif re.fullmatch(r"[\w./~-]+", line):
            packages += 1
        elif line:
            kept = [*kept[-19:], line]
        now = time.monotonic()
        if now - shown >= SECONDS_BETWEEN_LINES:
            shown = now
            fetched = f"{downloads} modules downloaded, " if downloads else ""
            talk.say(f"  {now - began:4.0f} s: {fetched}{packages} packages compiled")
    return kept


def _failed(code: int, last: list[str]) -> LocalError:
    text = "\n".join(last) or f"go build ended with exit code {code}"
    offline = re.search(r"dial tcp|no such host|timeout|connection refused|proxy", text, re.I)
    space = "no space left" in text.lower()
    if space:
        hint = "free about 3 GB for Go's build cache (go clean -cache), then run the command again"
    elif offline:
        hint = "check the network or GOPROXY (go env GOPROXY), then run the command again"
    else:
        hint = "run the command again; if it stays, set SEQUENCE_CONTROLPLANE to a built binary"
    return LocalError("the local control plane could not be built", cause=text, hint=hint)
