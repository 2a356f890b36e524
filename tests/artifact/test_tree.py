"""The archive form of a tree: equal trees give equal bytes, and hostile archives give nothing."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.tar_extract import extract, gunzip
from sequence_operator.artifact.tree import Entry, Limits, pack, printable, resolve


class Fake:
    """A tree in memory: path to content; `->` before the content makes a link, `+x` an executable."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def entries(self) -> list[Entry]:
        return [self._entry(path, content) for path, content in self.files.items()]

    def _entry(self, path: str, content: str) -> Entry:
        kind = "symlink" if content.startswith("->") else "executable" if content.startswith("+x") else "file"
        return Entry(path, kind, len(self.read(path)))  # type: ignore[arg-type]

    def read(self, path: str) -> bytes:
        return self.files[path].removeprefix("->").encode()


def tar_of(*members: tarfile.TarInfo | str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            archive.addfile(info, io.BytesIO(b"\0" * info.size))
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, size
    return info


NAMES = st.text(
    st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=8
)
PLAIN = NAMES.filter(lambda name: name not in (".", "..", ".git"))


@given(st.dictionaries(PLAIN, st.text(max_size=20).filter(lambda t: not t.startswith("->")), max_size=6))
def test_order_does_not_matter_and_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]
) -> None:
    packed = pack(Fake(files))
    assert pack(Fake(dict(reversed(files.items())))) == packed
    folder = tmp_path_factory.mktemp("extract") / "out"
    extract(gunzip(gzip.compress(packed.tar), len(packed.tar)), folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {n: t.encode() for n, t in files.items()}


def test_kinds_survive_and_times_and_owners_do_not(tmp_path: Path) -> None:
    packed = pack(Fake({"bin/run": "+x", "src/a\nb.rs": "x", "link": "->src/a\nb.rs"}))
    with tarfile.open(fileobj=io.BytesIO(packed.tar)) as archive:
        assert {(m.name, m.mode, m.mtime, m.uid, m.uname) for m in archive} == {
            ("bin/run", 0o755, 0, 0, ""),
            ("src/a\nb.rs", 0o644, 0, 0, ""),
            ("link", 0o777, 0, 0, ""),
        }
    old = os.umask(0o077)
    try:
        extract(packed.tar, tmp_path / "out")
    finally:
        os.umask(old)
    assert (tmp_path / "out/bin/run").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out/link").read_text() == "x"


def test_only_the_named_paths_are_packed() -> None:
    tree = Fake({"a": "1", "b": "2", "c": "3"})
    assert pack(tree, ["c", "a"]) == pack(Fake({"a": "1", "c": "3"}))
    with pytest.raises(ArtifactError) as refused:
        pack(tree, ["absent"])
    assert refused.value.reason == "FileMissing"


@pytest.mark.parametrize(
    "limits", [Limits(files=1), Limits(file_bytes=3), Limits(total_bytes=6)], ids=["files", "file", "total"]
)
def test_too_much_is_refused_both_ways(limits: Limits, tmp_path: Path) -> None:
    tree = Fake({"a": "1234", "b": "5678"})
    for attempt in (
        lambda: pack(tree, limits=limits),
        lambda: extract(pack(tree).tar, tmp_path / "x", limits),
    ):
        with pytest.raises(ArtifactError) as refused:
            attempt()
        assert refused.value.reason == "TreeTooLarge"
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("members", "says"),
    [
        (["/etc/passwd"], "no plain relative path"),
        (["../outside"], "no plain relative path"),
        (["a/../../outside"], "no plain relative path"),
        (["a//b"], "no plain relative path"),
        (["x/.git/hooks/post-checkout"], "no plain relative path"),
        (["a", "a"], "twice"),
        (["a", "a/b"], "below something that is no folder"),
        ([special("l", tarfile.SYMTYPE, "d"), "l/b"], "below something that is no folder"),
        ([special("l", tarfile.SYMTYPE, "/etc/passwd")], "leaves the tree"),
        ([special("d/l", tarfile.SYMTYPE, "../../x")], "leaves the tree"),
        ([special("a/b/l", tarfile.SYMTYPE, "../.."), special("m", tarfile.SYMTYPE, "a/b/l/../x")], "leaves the"),
        ([special("a", tarfile.SYMTYPE, "b"), special("b", tarfile.SYMTYPE, "a")], "leaves the tree"),
        (["a", special("h", tarfile.LNKTYPE, "a")], "neither a file nor"),
        ([special("null", tarfile.CHRTYPE)], "neither a file nor"),
        ([special("disk", tarfile.BLKTYPE)], "neither a file nor"),
        ([special("pipe", tarfile.FIFOTYPE)], "neither a file nor"),
        ([special("folder", tarfile.DIRTYPE)], "neither a file nor"),
        (["n" * 300], "too long"),
    ],
)  # fmt: skip
def test_a_hostile_archive_writes_nothing(
    members: list[tarfile.TarInfo | str], says: str, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactError) as refused:
        extract(tar_of(*members), tmp_path / "out")
    assert refused.value.reason == "TreeRefused"
    assert says in refused.value.message
    assert list(tmp_path.iterdir()) == []


def test_a_sparse_archive_does_not_grow(tmp_path: Path) -> None:
    info = tarfile.TarInfo("huge")
    info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": str(1 << 40),
                        "GNU.sparse.map": f"{1 << 40},0"}  # fmt: skip
    with pytest.raises(ArtifactError):
        extract(tar_of(info), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_bomb_and_damaged_gzip() -> None:
    bomb = gzip.compress(bytes(50 << 20))
    cases = [(bomb, "TreeTooLarge"), (b"no gzip", "TreeUnreadable"), (bomb[:-9], "TreeTooLarge")]
    cases += [(gzip.compress(b"x")[:-4], "TreeUnreadable"), (gzip.compress(b"x") + b"y", "TreeUnreadable")]
    for data, reason in cases:
        with pytest.raises(ArtifactError) as refused:
            gunzip(data, 1 << 20)
        assert refused.value.reason == reason


@pytest.mark.parametrize("tar", [b"x" * 1024, tar_of("a")[:300], b""], ids=["noise", "cut", "empty"])
def test_a_damaged_archive(tar: bytes, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as refused:
        extract(tar, tmp_path / "out")
    assert refused.value.reason == "TreeUnreadable"


@pytest.mark.parametrize(
    ("path", "links", "end"),
    [
        ("a/b", {}, "a/b"),
        ("a/./b/../c", {}, "a/c"),
        ("..", {}, None),
        ("a/../../b", {}, None),
        ("/a", {}, None),
        ("l/x", {"l": "d/e"}, "d/e/x"),
        ("d/l", {"d/l": "../f"}, "f"),
        ("l", {"l": "/etc"}, None),
        ("l", {"l": "l"}, None),
        ("s/l/../x", {"s/l": "../a/b"}, "a/x"),
        ("", {}, ""),
    ],
)
def test_links_are_followed_as_the_kernel_does(path: str, links: dict[str, str], end: str | None) -> None:
    route = resolve(path, links)
    assert (route.end if route else None) == end


def test_names_in_messages_stay_on_one_line() -> None:
    assert printable("a\nb\udcff\x1b[31m") == r"a\nb\xff\x1b[31m"
