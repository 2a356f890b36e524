"""Back from an archive to files, trusting nothing of it: names, kinds, sizes and links are judged before a byte is
written.
"""

from __future__ import annotations

import io
import os
import tarfile
import zlib
from pathlib import Path

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.tree import LIMITS, Limits, printable, resolve


def gunzip(data: bytes, limit: int) -> bytes:
    """Decompress at most `limit` bytes. Raises ArtifactError (TreeUnreadable, TreeTooLarge).

    Memory stays within the limit whatever the data promises.
    """
    stream = zlib.decompressobj(wbits=31)
    try:
        plain = stream.decompress(data, limit + 1)
    except zlib.error as problem:
        raise ArtifactError("TreeUnreadable", f"the archive is no gzip: {problem}", "") from None
    if len(plain) > limit:
        raise ArtifactError("TreeTooLarge", f"the archive holds more than {limit:,} bytes", "")
    if not stream.eof or stream.unused_data:
        raise ArtifactError("TreeUnreadable", "the archive is cut off or has something behind its end", "")
    return plain


def extract(tar: bytes, into: Path, limits: Limits = LIMITS) -> list[str]:
    """Write the files of an archive into the folder `into`, which is made; their paths, in the archive's order.

    Raises ArtifactError (TreeRefused, TreeTooLarge, TreeUnreadable) before anything is written.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
            members = _judged(archive, limits)
            into.mkdir(mode=0o755)
            for member in members:
                _write(archive, member, into)
    except (tarfile.TarError, UnicodeError, ValueError, EOFError) as problem:
        raise ArtifactError("TreeUnreadable", f"the archive is damaged: {problem}", "") from None
    return [member.name for member in members]


def _judged(archive: tarfile.TarFile, limits: Limits) -> list[tarfile.TarInfo]:
    members: dict[str, tarfile.TarInfo] = {}
    total = 0
    for member in archive:
        _judge_name(member)
        if member.name in members:
            raise _refused(member, "is in the archive twice")
        total += member.size
        members[member.name] = member
        if len(members) > limits.files or total > limits.total_bytes or member.size > limits.file_bytes:
            raise ArtifactError("TreeTooLarge", "the archive holds more than a tree may", "")
    links = {name: member.linkname for name, member in members.items() if member.issym()}
    for name, member in members.items():
        parts = name.split("/")
        if any("/".join(parts[:count]) in members for count in range(1, len(parts))):
            raise _refused(member, "lies below something that is no folder")
        if member.issym() and resolve(name, links) is None:
            raise _refused(member, f"is a link that leaves the tree: {printable(member.linkname)}")
    # Links last, so that no file can be written through one.
    return sorted(members.values(), key=tarfile.TarInfo.issym)


def _judge_name(member: tarfile.TarInfo) -> None:
    if member.type not in (tarfile.REGTYPE, tarfile.SYMTYPE) or member.issparse():
        raise _refused(member, "is neither a file nor a symbolic link")
    if member.issym() and member.size:
        raise _refused(member, "is a link with content")
    parts = member.name.split("/")
    if "\0" in member.name + member.linkname or any(part in ("", ".", "..", ".git") for part in parts):
        raise _refused(member, "is no plain relative path")
    if any(len(os.fsencode(part)) > 255 for part in parts) or len(os.fsencode(member.name)) > 4096:
        raise _refused(member, "has too long a name")


def _refused(member: tarfile.TarInfo, why: str) -> ArtifactError:
    return ArtifactError("TreeRefused", f"{printable(member.name)[:200]} {why}", "")


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> None:
    path = into / member.name
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if member.issym():
        path.symlink_to(member.linkname)
        return
    content = archive.extractfile(member)
    mode = 0o755 if member.mode & 0o100 else 0o644
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with open(handle, "wb") as file:
        file.write(content.read() if content else b"")
    os.chmod(path, mode)  # whatever the umask
