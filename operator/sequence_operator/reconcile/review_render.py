"""A plan for several deployments as text, Markdown and JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sequence_operator.reconcile.actions import Change, Difference
from sequence_operator.reconcile.preflight import Check, Result
from sequence_operator.reconcile.render import as_json as plan_as_json
from sequence_operator.reconcile.render import change_lines, plan_reasons
from sequence_operator.reconcile.review_plan import GROUPS, Group, Item, ReviewPlan

SCHEMA = "plan/v2"
_HEADS: dict[Group, str] = {
    "risk-increasing": "🔺 Risk-increasing",
    "neutral": "◽ Neutral",
    "risk-reducing": "🔻 Risk-reducing",
}
_MARKS = {Result.PASSED: "✅", Result.FAILED: "❌", Result.NOT_CHECKABLE: "❔"}
_SIGNS = {Result.PASSED: "✓", Result.FAILED: "✗", Result.NOT_CHECKABLE: "?"}
_SCALES = {"1e8": 10**8, "1e9": 10**9}


# --- text ---


def as_text(review: ReviewPlan) -> str:
    """Plain lines for a terminal."""
    lines = [review.title, summary(review)]
    if review.held:
        lines.append(f"held: {review.held}")
    for group in GROUPS:
        items = review.of(group)
        if items:
            lines += ["", f"{group}:"]
            lines.extend(line for item in items for line in _text_item(item))
    if review.problems:
        lines += ["", "problems:"]
        lines.extend(f"  {p.where}: {p.message}" for p in review.problems)
    checks = list(review.all_checks())
    if checks:
        lines += ["", "preflight:"]
        lines.extend(_text_check(name, check) for name, check in checks)
    if review.notes:
        lines += ["", *(f"note: {note}" for note in review.notes)]
    if review.hash:
        lines += ["", f"plan hash: {review.hash}"]
    return "\n".join(lines) + "\n"


def _text_item(item: Item) -> list[str]:
    where = f"  ({item.path})" if item.path else ""
    lines = [f"  {item.name} on account {item.account}{where}"]
    steps = [f"    {line}" for change in item.plan.changes for line in change_lines(change)]
    lines += steps or ["    nothing changes on the platform"]
    lines.extend(f"    drift: {d.field} is {d.observed}, should be {d.desired}" for d in item.plan.drift)
    lines.extend(f"    {line}" for line in (*plan_reasons(item.plan), *item.notes))
    return lines


def _text_check(name: str, check: Check) -> str:
    whose = f"{name}: " if name else ""
    hint = f"  → {check.hint}" if check.hint and check.result is not Result.PASSED else ""
    return f"  {_SIGNS[check.result]} {whose}{check.name}: {check.message}{hint}"


def summary(review: ReviewPlan) -> str:
    """`3 of 50 algos change: 1 risk-increasing, 2 neutral; 1 problem`."""
    busy = review.busy
    many = f"{len(busy)} of {_count(len(review.items), 'algo')} change" + ("s" if len(busy) == 1 else "")
    groups = ", ".join(f"{len(review.of(g))} {g}" for g in GROUPS if review.of(g))
    parts = [f"{many}: {groups}" if groups else "nothing changes"]
    if review.problems:
        parts.append(_count(len(review.problems), "problem"))
    if review.failed:
        parts.append(_count(len(review.failed), "failed check"))
    return "; ".join(parts)


# --- Markdown ---


def as_markdown(review: ReviewPlan) -> str:
    """For a comment on a pull request: what matters on top, every detail folded below."""
    lines = [f"### {_plain(review.title)}", "", f"**{summary(review)}**"]
    if review.hash:
        lines[-1] += f" · plan hash `{review.hash}`"
    if review.held:
        lines += ["", "> [!WARNING]", f"> The brake holds this: {_plain(review.held)}"]
    if review.problems:
        lines += [
            "",
            "> [!CAUTION]",
            "> These files are not applied; what runs from them stays as it is.",
            "",
        ]
        lines += ["| file | problem |", "| --- | --- |"]
        lines.extend(f"| {_code(p.where)} | {_cell(p.message)} |" for p in review.problems)
    for group in GROUPS:
        items = review.of(group)
        if items:
            lines += ["", f"#### {_HEADS[group]} ({len(items)})", ""]
            lines += ["| algo | what happens | changes |", "| --- | --- | --- |"]
            lines.extend(_markdown_row(item) for item in items)
    lines += _markdown_checks(review)
    for item in review.busy:
        lines += _markdown_details(item)
    if review.notes:
        lines += ["", *(f"_{_plain(note)}_" for note in review.notes)]
    if review.hash:
        lines += [
            "",
            "The operator writes each algo's hash into `status.history[].planHash` of what it does for this change.",
        ]
    return "\n".join(lines) + "\n"


def _markdown_row(item: Item) -> str:
    verbs = " → ".join(dict.fromkeys(c.verb for c in item.plan.changes)) or _nothing(item)
    fields = _fields(item)
    shown = [
        f"{_code(d.field)} {_value(d, d.observed)} → {_value(d, d.desired)}{_arrow(d)}" for d in fields[:4]
    ]
    if len(fields) > 4:
        shown.append(f"… {len(fields) - 4} more below")
    shown = shown or [_cell(change.text) for change in item.plan.changes[:1]]
    why = [f"**{_cell(line)}**" for line in plan_reasons(item.plan)]
    running = " (running)" if item.running else ""
    name = (
        f"**{_cell(item.name)}**{running}<br>{_code(item.path)}"
        if item.path
        else f"**{_cell(item.name)}**{running}"
    )
    return f"| {name} | {verbs} | {'<br>'.join([*shown, *why])} |"


def _nothing(item: Item) -> str:
    return {"create": "Create", "remove": "Remove", "change": "nothing on the platform", "none": "—"}[
        item.what
    ]


def _fields(item: Item) -> list[Difference]:
    """What a reviewer reads first: limits, then the rest; bookkeeping is left to the details."""
    found = [d for change in item.plan.changes for d in change.fields if not d.field.startswith("metadata.")]
    return sorted(found, key=lambda d: (d.direction == "neutral", d.direction != "loosens"))


def _markdown_checks(review: ReviewPlan) -> list[str]:
    checks = list(review.all_checks())
    if not checks:
        return []
    rows = [
        f"| {_MARKS[c.result]} | {_cell(f'{name}: {c.name}' if name else c.name)} | {_cell(c.message)}"
        + (f" — {_code(c.hint)}" if c.hint and c.result is not Result.PASSED else "")
        + " |"
        for name, c in checks
    ]
    table = ["| | check | answer |", "| --- | --- | --- |", *rows]
    failed = len(review.failed)
    if failed:
        return ["", f"#### Preflight: {failed} of {len(checks)} failed", "", *table]
    return ["", *_folded(f"Preflight: nothing failed ({len(checks)} checks)", table)]


def _markdown_details(item: Item) -> list[str]:
    head = f"<code>{_html(item.name)}</code> on account {_html(item.account)}"
    if item.plan_hash:
        head += f" · hash <code>{item.plan_hash}</code>"
    body: list[str] = []
    if item.plan.changes:
        body += ["| step | field | now | then | risk |", "| --- | --- | --- | --- | --- |"]
        body.extend(row for change in item.plan.changes for row in _detail_rows(change))
    else:
        body.append("Nothing changes on the platform.")
    if item.plan.drift:
        body += ["", "Changed on the platform by somebody, not by git:", ""]
        body.extend(
            f"- {_code(d.field)} is {_code(d.observed)}, should be {_code(d.desired)}"
            for d in item.plan.drift
        )
    body.extend(f"\n{_plain(note)}" for note in item.notes)
    return ["", *_folded(head, body)]


def _detail_rows(change: Change) -> list[str]:
    words = {"loosens": "looser", "tightens": "tighter", "neutral": ""}
    head = f"| **{change.verb}**: {_cell(change.text)} | | | | {words[change.direction]} |"
    rows = [
        f"| | {_code(d.field)} | {_value(d, d.observed)} | {_value(d, d.desired)} | {words[d.direction]} |"
        for d in change.fields
    ]
    return [head, *rows]


def _folded(head: str, body: Iterable[str]) -> list[str]:
    return [f"<details><summary>{head}</summary>", "", *body, "", "</details>"]


def _arrow(d: Difference) -> str:
    return {"loosens": " 🔺", "tightens": " 🔻", "neutral": ""}[d.direction]


def _value(d: Difference, text: str) -> str:
    """`500000000` (5): scaled integers are followed by what they mean."""
    scale = next((s for suffix, s in _SCALES.items() if d.field.endswith(suffix)), None)
    if scale is None or not text.isdigit():
        return _code(text)
    whole, rest = divmod(int(text), scale)
    digits = f".{rest:0{len(str(scale)) - 1}d}".rstrip("0") if rest else ""
    return f"`{text}` ({whole:,}{digits})"


# --- JSON ---


def as_json(review: ReviewPlan) -> dict[str, Any]:
    """`plan/v2`: everything, under stable names."""
    return {
        "schema": SCHEMA,
        "title": review.title,
        "summary": summary(review),
        "hash": review.hash,
        "exitCode": review.exit_code,
        "held": review.held,
        "items": [_json_item(item) for item in review.busy],
        "unchanged": len(review.items) - len(review.busy),
        "problems": [
            {"path": p.path, "line": p.line, "column": p.column, "message": p.message}
            for p in review.problems
        ],
        "checks": [_json_check(check) for check in review.checks],
        "notes": list(review.notes),
    }


def _json_item(item: Item) -> dict[str, Any]:
    return {
        "name": item.name,
        "deployment": item.deployment,
        "account": item.account,
        "path": item.path,
        "what": item.what,
        "group": item.group,
        "running": item.running,
        "hash": item.plan_hash,
        **plan_as_json(item.plan),
        "checks": [_json_check(check) for check in item.checks],
        "notes": list(item.notes),
    }


def _json_check(check: Check) -> dict[str, str]:
    return {"name": check.name, "result": check.result.value, "message": check.message, "hint": check.hint}


# --- words ---


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _plain(text: str) -> str:
    """One line that cannot open a heading, a link, a mention or HTML: it may hold what somebody wrote into a file."""
    return _html(" ".join(text.split())).replace("`", "'").replace("[", "\\[").replace("@", "@\u200b")


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _code(text: str) -> str:
    """A code span, in which nothing but its own end and a table's bar means anything."""
    return "`" + " ".join(text.split()).replace("`", "'").replace("|", "\\|") + "`"


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
