"""The file ``*.seqcap``: a tar under Zstandard, with ``capsule.json``, the modules, and the feed where it fits.

The manifest names everything a run depends on. Generated data is named by its seed; the installed recording by its
name and digest; a recording of ours is inside, cut at the end of the slice.
"""

from __future__ import annotations

import dataclasses
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, cast

import zstandard

from sequence_paper.store.inputs import funded, taken_over, wanted
from sequence_paper.store.records import EdgeInput, Heard, HeardKind
from sequence_paper.store.words import Json

FORMAT: Final = "sequence-capsule/1"
SUFFIX: Final = ".seqcap"
_MANIFEST: Final = "capsule.json"
_FRAMES: Final = "feed.zst"
_ASIDE: Final = "aside.zst"
_HEARD: Final = "heard.lines"
_MAX_BYTES: Final = 1 << 30


class CapsuleError(Exception):
    """Not a capsule, or not one that can be run here; the message says why, ``hint`` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class FeedSlice:
    """``words`` as ``--feed`` takes them. ``sha256``: of data that is neither generated nor inside, else empty.

    ``cut``: the frames inside go on where they came from. ``live``: they came from a venue while this ran.
    """

    words: str
    seed: int
    start_ns: int
    to_ns: int
    sha256: str = ""
    cut: bool = False
    live: bool = False


@dataclass(frozen=True, slots=True)
class RecordedMarket:
    """What one venue showed. ``frames``: a recording of ours, where the data is neither generated nor installed."""

    venue: str
    symbols: list[str]
    feed: FeedSlice
    frames: bytes | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """``seconds``: (heartbeat, digest of all before it), to find where two runs part."""

    sha256: str
    records: int
    seconds: list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Capsule:
    """``stored``: fills as the platform had them when the capsule was made of a running stack, else None.

    ``expected`` is None until somebody has run it. ``about``: for people. ``until_ns``: where the run itself ended.
    ``heard``: what came over the bus. ``aside``: another venue meanwhile, to ask what an order would have met there.
    """

    venue: str
    instrument_type: str
    symbols: list[str]
    feed: FeedSlice
    inputs: list[EdgeInput]
    modules: Mapping[str, bytes]
    until_ns: int | None = None
    latency: str = "none"
    fees: str = "base"
    expected: Expected | None = None
    stored: list[list[Any]] | None = None
    made_by: Json = field(default_factory=dict)
    about: Json = field(default_factory=dict)
    frames: bytes | None = None
    aside: RecordedMarket | None = None
    heard: list[Heard] = field(default_factory=list)

    @property
    def market(self) -> RecordedMarket:
        """What the edge's own venue showed."""
        return RecordedMarket(self.venue, self.symbols, self.feed, self.frames)


def write(path: Path, capsule: Capsule) -> None:
    """Whole or not at all; equal capsules are equal files. Raises OSError."""
    scratch = path.with_name(f".{path.name}.new")
    scratch.write_bytes(packed(capsule))
    scratch.replace(path)


def packed(capsule: Capsule) -> bytes:
    """The bytes of the file."""
    manifest = {"format": FORMAT, **_plain(capsule)}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, _MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode())
        for digest, wasm in sorted(capsule.modules.items()):
            _add(tar, f"modules/{digest}.wasm", wasm)
        if capsule.heard:
            _add(tar, _HEARD, b"".join(b"%d %d %d %s %s\n" % _heard_line(one) for one in capsule.heard))
        if capsule.frames is not None:
            _add(tar, _FRAMES, capsule.frames)
        if capsule.aside is not None and capsule.aside.frames is not None:
            _add(tar, _ASIDE, capsule.aside.frames)
    return zstandard.ZstdCompressor(level=9).compress(out.getvalue())


def read(path: Path) -> Capsule:
    """Raises CapsuleError: unreadable, another format, or a module that is not what its name says."""
    try:
        return unpacked(path.read_bytes())
    except OSError as error:
        raise CapsuleError(f"{path} cannot be read: {error.strerror}", "name a capsule (*.seqcap)") from error


def unpacked(data: bytes) -> Capsule:
    """As ``read``, of bytes."""
    try:
        content = zstandard.ZstdDecompressor().decompress(data, max_output_size=_MAX_BYTES)
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            files = {member.name: _content(tar, member) for member in tar if member.isfile()}
        manifest = json.loads(files[_MANIFEST])
    except (zstandard.ZstdError, tarfile.TarError, KeyError, ValueError) as error:
        raise CapsuleError("this is not a capsule", "`sequence capsule` makes one") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise CapsuleError("this capsule has a format that is not known here", f"known is {FORMAT}")
    modules = {}
    for name in sorted(name for name in files if name.startswith("modules/")):
        digest = name.removeprefix("modules/").removesuffix(".wasm")
        if sha256(files[name]).hexdigest() != digest:
            raise CapsuleError(
                f"the module {digest[:12]} in this capsule is damaged", "make the capsule anew"
            )
        modules[digest] = files[name]
    try:
        return _capsule(manifest, modules, files)
    except (KeyError, TypeError, ValueError) as error:
        raise CapsuleError(f"the manifest of this capsule is damaged: {error!r}", "make it anew") from error


def _capsule(manifest: Json, modules: dict[str, bytes], files: Mapping[str, bytes]) -> Capsule:
    row = {
        field.name: manifest[field.name] for field in dataclasses.fields(Capsule) if field.name in manifest
    }
    expected = row.pop("expected")
    inputs = [EdgeInput(**entry) for entry in row.pop("inputs")]
    for entry in inputs:
        if entry.kind == "apply":  # read now, so that what is damaged is found before anything runs
            taken_over(entry.body)
            if wanted(entry.body).wasm_sha256 not in modules:
                raise ValueError("a module is missing")
        elif entry.kind == "funds":
            funded(entry.body)
    if expected is not None:
        seconds = [(int(at), str(digest)) for at, digest in expected.pop("seconds")]
        expected = Expected(**expected, seconds=seconds)
    feed, aside = FeedSlice(**row.pop("feed")), row.pop("aside", None)
    if aside is not None:
        aside = RecordedMarket(**aside | {"feed": FeedSlice(**aside["feed"]), "frames": files.get(_ASIDE)})
    return Capsule(
        **row,
        feed=feed,
        inputs=inputs,
        modules=modules,
        expected=expected,
        frames=files.get(_FRAMES),
        aside=aside,
        heard=[_heard(line) for line in files.get(_HEARD, b"").splitlines()],
    )


def _plain(capsule: Capsule) -> Json:
    row = {field.name: getattr(capsule, field.name) for field in dataclasses.fields(capsule)}
    del row["frames"], row["modules"], row["heard"]
    for name in ("feed", "expected"):
        row[name] = None if row[name] is None else dataclasses.asdict(row[name])
    row["inputs"] = [dataclasses.asdict(entry) for entry in capsule.inputs]
    if capsule.aside is not None:
        aside = capsule.aside
        row["aside"] = {
            "venue": aside.venue,
            "symbols": aside.symbols,
            "feed": dataclasses.asdict(aside.feed),
        }
    return row


def _heard_line(one: Heard) -> tuple[int, int, int, bytes, bytes]:
    return one.n, one.taken, one.feed_ns, one.kind.encode(), one.body


def _heard(line: bytes) -> Heard:
    n, taken, feed_ns, kind, body = line.split(b" ", 4)
    return Heard(int(n), int(taken), int(feed_ns), cast(HeardKind, kind.decode()), body)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return b"" if file is None else file.read()
