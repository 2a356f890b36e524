"""What `sequence status` says about git, for people."""

from typing import Any

from sequence_operator.cli.amounts import age, unix
from sequence_operator.cli.output import colon, facts, harmless

Json = dict[str, Any]
_LOG_LINES = 12


def detail(data: Json, now: float) -> str:
    """Where git says it, how the source and the build are, and what a person laid over it."""
    rows: list[tuple[str, str]] = []
    flag = "--sandbox " if data["mode"] == "sandbox" else ""
    if source := data.get("source"):
        author = f" by {source['author']}" if source["author"] else ""
        place = source["state_at"] or source["path"]
        rows.append(("git", f"{source['repository']} {place} at {source['commit'][:12]}{author}"))
        rows.append(("source", _source_words(source) if source["present"] else f"{source['name']} is gone"))
        rows += [("problem", _problem(problem)) for problem in source["problems"]]
    if build := data.get("build"):
        box = " WITHOUT a sandbox" if build["sandboxed"] is False else ""
        took = (
            f" in {build['seconds']:g} s{box}" if build["phase"] == "Succeeded" and build["seconds"] else box
        )
        said = "" if build["phase"] == "Succeeded" else colon(build["message"] or build["reason"])
        rows.append(("build", f"{build['phase']}{took} ({build['name']}, Rust {build['toolchain']}){said}"))
        if build["phase"] == "Failed":
            rows += [("", line) for line in build["log"][-_LOG_LINES:]]
    if override := data.get("override"):
        rows.append(("override", f"stopped{_who(override, now)}, until the next commit of this algo"))
        rows.append(("", f"end it with: sequence {flag}start {data['deployment']}"))
    if back := data.get("rollback"):
        rows.append(
            ("rollback", f"to {back['to'][:12]}{_who(back, now)}, until the spec names another commit")
        )
        rows.append(("", f"end it with: sequence {flag}rollback {data['deployment']} --clear"))
    if denied := data.get("denied_digests"):
        rows.append(("denied", ", ".join(digest[:12] for digest in denied)))
    return facts(rows) if rows else ""


def _who(act: Json, now: float) -> str:
    since = unix(act["at"]) if act["at"] else None
    return (f" by {act['by']}" if act["by"] else "") + (
        f" {age(since, now)} ago" if since is not None else ""
    )


def _source_words(source: Json) -> str:
    ready = source["ready"]
    state = " ".join(word for word in (ready["status"], ready["reason"]) if word)
    return f"{source['name']} {state}{colon(ready['message'])}"


def _problem(problem: Json) -> str:
    where = f"{problem['path']}:{problem['line']}:{problem['column']}" if problem["line"] else problem["path"]
    return f"{where}: {problem['message']}" if where else problem["message"]


def sources(listed: list[Json]) -> str:
    """Below the list of deployments: every git source, and what is wrong in its repository."""
    if not listed:
        return ""
    rows = []
    for source in harmless(listed):
        state = _source_words(source) + (", suspended" if source["suspended"] else "")
        at = f" at {source['commit'][:12]}" if source["commit"] else ""
        rows.append(("source", f"{state} · {source['algos']} algos of {source['url']}{at}"))
        rows += [("problem", _problem(problem)) for problem in source["problems"]]
    return "\n" + facts(rows)
