"""A hostile tenant's AlgoBuild gets nothing, and is told why."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from sequence_operator.artifact.tree import Packed, pack
from sequence_operator.builder.download import folder
from sequence_operator.builder.failure import BuildError
from sequence_operator.cluster.resources import ALGO_BUILDS, CONFIG_MAPS
from sequence_operator.local.controlplane import ControlPlane
from sequence_operator.local.rights import NAMESPACE, OPERATOR, SYSTEM
from sequence_operator.spec.builds import build_name
from support.api import Api, RefusedError

from .workshop import COMMIT, Builder, Files, Folder, Workshop, rust_version

DIGEST = "d" * 64


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """A server that must never be asked: its address, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()


def spec(url: str, path: str = "a") -> dict[str, str]:
    return {
        "treeDigest": DIGEST,
        "treeUrl": url,
        "commit": COMMIT,
        "path": path,
        "toolchain": rust_version(),
    }


@pytest.mark.parametrize(
    "url",
    [
        "http://{else}/trees/sequence/{digest}.tar.gz",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "{base}/trees/other/{digest}.tar.gz",
        "{base}/trees/sequence/../other/{digest}.tar.gz",
        "{base}/trees/sequence/{digest}.tar.gz?x=1",
    ],
)
def test_sources_come_from_the_one_place_only(
    workshop: Workshop, builder: Builder, elsewhere: tuple[str, list[str]], url: str
) -> None:
    given = spec(url.replace("{else}", elsewhere[0]).format(base=workshop.trees.base, digest=DIGEST))
    name = build_name(given["treeDigest"], given["path"], given["toolchain"])
    try:
        workshop.create(name, given)
    except RefusedError as problem:
        if problem.status != 422:  # the definition's own rules do not even take it
            raise
    else:
        reason, message = workshop.failed(name)
        assert (reason, "sources are taken from" in message) == ("TreeRefused", True)
        workshop.api.delete(ALGO_BUILDS, name)
    assert elsewhere[1] == []
    assert not any(DIGEST in path for path in workshop.trees.asked)


@pytest.mark.parametrize("path", ["../a", "/etc", "a/../../b", "a\0b", "", ".."])
def test_what_the_api_server_would_not_even_take(path: str) -> None:
    with pytest.raises(BuildError) as refused:
        folder(path)
    assert (refused.value.reason, refused.value.final) == ("PathRefused", True)


def test_a_name_that_is_not_that_of_its_inputs(workshop: Workshop, builder: Builder) -> None:
    workshop.create("build-000000000000", spec(f"{workshop.trees.base}/trees/{NAMESPACE}/{DIGEST}.tar.gz"))
    assert workshop.failed("build-000000000000")[0] == "NameRefused"


@pytest.mark.parametrize("path", ["a//b", "./a", "a/"])
def test_a_path_outside_the_sources(workshop: Workshop, builder: Builder, sources: Files, path: str) -> None:
    reason, _ = workshop.failed(workshop.order(sources, path))
    assert reason == "PathRefused"


def test_other_bytes_than_the_digest_promises(workshop: Workshop, builder: Builder, sources: Files) -> None:
    other = gzip.compress(pack(Folder(sources | {"a/src/lib.rs": "fn evil() {}"})).tar)
    name = workshop.order(sources | {"a/mismatch": ""}, body=other)
    reason, message = workshop.failed(name)
    assert reason == "DigestMismatch"
    assert "6 attempts" in message
    assert f"kubectl delete algobuild {name}" in message
    assert workshop.status(name)["attempts"] == 6


def test_a_redirect_is_not_followed(
    workshop: Workshop, builder: Builder, sources: Files, elsewhere: tuple[str, list[str]]
) -> None:
    name = workshop.order(sources | {"a/redirect": ""}, body=f"redirect http://{elsewhere[0]}/".encode())
    assert workshop.failed(name)[0] == "TreeMissing"
    assert elsewhere[1] == []


def test_a_bomb_is_not_unpacked(workshop: Workshop, builder: Builder, sources: Files) -> None:
    name = workshop.order(sources | {"a/bomb": ""}, body=gzip.compress(bytes(200 << 20), 1))
    assert workshop.failed(name)[0] == "TreeTooLarge"


@pytest.mark.parametrize(
    ("kind", "name", "target"),
    [
        (tarfile.REGTYPE, "/etc/cron.d/evil", ""),
        (tarfile.REGTYPE, "../evil", ""),
        (tarfile.SYMTYPE, "a/home", "/root"),
        (tarfile.SYMTYPE, "a/home", "../../../../root"),
        (tarfile.CHRTYPE, "a/null", ""),
    ],
)
def test_a_crafted_archive_writes_nothing(
    workshop: Workshop, builder: Builder, kind: bytes, name: str, target: str
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        archive.addfile(member)
    packed = Packed(buffer.getvalue(), hashlib.sha256(buffer.getvalue()).hexdigest())
    given = spec(workshop.trees.publish(packed)) | {"treeDigest": packed.digest}
    build = build_name(packed.digest, "a", given["toolchain"])
    workshop.create(build, given)
    assert workshop.failed(build)[0] == "TreeRefused"


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        ("a/Cargo.toml", '\n[dependencies.evil]\ngit = "http://{else}/evil.git"\n', "a/Cargo.toml:"),
        ("a/Cargo.toml", '\n[dependencies.evil]\ngit = "file:///srv/secret"\n', "from git"),
        ("a/Cargo.toml", '\n[patch.crates-io]\nx = {{ git = "ssh://{else}/x" }}\n', "from git"),
        ("a/Cargo.toml", '\n[dependencies.evil]\nversion = "1"\nregistry-index = "http://{else}/"\n', "registry-index"),
        ("a/Cargo.lock", '\n[[package]]\nname = "evil"\nversion = "1.0.0"\nsource = "git+http://{else}/evil"\n',
         "a/Cargo.lock: evil comes from git+http"),
    ],
)  # fmt: skip
def test_crates_come_from_crates_io_only(
    workshop: Workshop, builder: Builder, sources: Files, elsewhere: tuple[str, list[str]], path: str, text: str,
    says: str,
) -> None:  # fmt: skip
    spoilt = sources[path] + text.replace("{{", "{").replace("}}", "}").replace("{else}", elsewhere[0])
    reason, message = workshop.failed(workshop.order(sources | {path: spoilt}))
    assert (reason, says in message) == ("SourceRefused", True), message
    assert elsewhere[1] == []


def test_nobody_else_writes_results_and_the_builder_nothing_else(
    workshop: Workshop, builder: Builder, controlplane: ControlPlane, sources: Files
) -> None:
    """Rights and admission rules as the chart has them."""
    name = workshop.order(sources, toolchain="1.2.3")
    operator = Api(controlplane, NAMESPACE, token=Api(controlplane, SYSTEM).token(OPERATOR))
    forged = {"apiVersion": "sequencemkts.com/v1alpha1", "kind": "AlgoBuild", "metadata": {"name": name},
              "status": {"phase": "Succeeded", "sha256": DIGEST}}  # fmt: skip
    for api in (operator, workshop.api):  # the latter is the administrator
        with pytest.raises(Exception, match=r"403|only the builder"):
            api.apply(forged, subresource="status")
    mine = Api(controlplane, NAMESPACE, token=workshop.token)
    stolen = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b"}}
    with pytest.raises(Exception, match=r"403|artifacts only"):
        mine.apply(stolen)
    assert workshop.api.find(CONFIG_MAPS, "settings") is None
    for path in ("/api/v1/namespaces/sequence/secrets", "/api/v1/namespaces/sequence-system/serviceaccounts"):
        with pytest.raises(Exception, match="403"):
            mine._call("GET", path)
    workshop.api.delete(ALGO_BUILDS, name)
