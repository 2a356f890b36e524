"""Plans for people and machines: text, Markdown, JSON."""

from __future__ import annotations

from typing import Any

from sequence_operator.reconcile.actions import Change, Difference, Plan
from sequence_operator.spec.meta import rfc3339

_SIGNS = {
    "Build": "*",
    "Register": "+",
    "Adopt": "+",
    "Update": "~",
    "Replace": "±",
    "Start": "▶",
    "Stop": "■",
    "Unregister": "-",
    "Orphan": "!",
}
_WORDS = {"loosens": "loosens risk", "tightens": "tightens risk", "neutral": ""}


def as_text(plan: Plan, title: str) -> str:
    """Plain lines for a terminal; `title`: which deployment, where."""
    lines = [title]
    lines.extend(f"  {line}" for change in plan.changes for line in change_lines(change))
    if not plan.changes:
        lines.append("  nothing to do" if plan.empty else "  no change planned")
    lines.extend(f"  drift: {d.field} is {d.observed}, should be {d.desired}" for d in plan.drift)
    lines.extend(f"  {line}" for line in plan_reasons(plan))
    return "\n".join(lines) + "\n"


def as_markdown(plan: Plan, title: str) -> str:
    """For a pull-request comment."""
    lines = [f"### {_cell(title)}", ""]
    if plan.changes:
        lines += ["| | step | field | now | then | risk |", "| --- | --- | --- | --- | --- | --- |"]
        lines.extend(row for change in plan.changes for row in _markdown_rows(change))
    else:
        lines.append("Nothing to do." if plan.empty else "No change planned.")
    if plan.drift:
        lines += ["", "Drift:", ""]
        lines.extend(
            f"- `{d.field}` is `{_cell(d.observed)}`, should be `{_cell(d.desired)}`" for d in plan.drift
        )
    why = plan_reasons(plan)
    if why:
        lines += ["", *(f"> {_cell(line)}" for line in why)]
    return "\n".join(lines) + "\n"


def as_json(plan: Plan) -> dict[str, Any]:
    """`{"changes": [{verb, text, direction, fields}], "drift": […], "direction", "refusal", "wait"}`."""
    refusal, wait = plan.refusal, plan.wait
    return {
        "changes": [
            {
                "verb": c.verb,
                "text": c.text,
                "direction": c.direction,
                "fields": [_field(d) for d in c.fields],
            }
            for c in plan.changes
        ],
        "direction": plan.direction,
        "drift": [
            {"field": d.field, "desired": d.desired, "observed": d.observed, "since": rfc3339(d.since)}
            for d in plan.drift
        ],
        "refusal": None if refusal is None else {"reason": refusal.reason, "message": refusal.message},
        "wait": None if wait is None else {"reason": wait.reason, "message": wait.message},
    }


def _field(d: Difference) -> dict[str, str]:
    return {
        "field": d.field,
        "observed": d.observed,
        "desired": d.desired,
        "change": d.change,
        "direction": d.direction,
    }


def change_lines(change: Change) -> list[str]:
    """One step as plain lines, its fields below it."""
    risk = f"  [{_WORDS[change.direction]}]" if change.direction != "neutral" else ""
    lines = [f"{_SIGNS[change.verb]} {change.verb}: {change.text}{risk}"]
    width = max((len(d.field) for d in change.fields), default=0)
    lines.extend(f"    {d.field:<{width}}  {d.observed} → {d.desired}" for d in change.fields)
    return lines


def _markdown_rows(change: Change) -> list[str]:
    head = f"| {_SIGNS[change.verb]} | **{change.verb}** {_cell(change.text)} | | | | {_WORDS[change.direction]} |"
    rows = [
        f"| | | `{_cell(d.field)}` | `{_cell(d.observed)}` | `{_cell(d.desired)}` | {_WORDS[d.direction]} |"
        for d in change.fields
    ]
    return [head, *rows]


def plan_reasons(plan: Plan) -> list[str]:
    """Why it does not go on, or what it waits for; usually nothing."""
    lines = []
    if plan.refusal is not None:
        lines.append(f"refused, {plan.refusal.reason}: {plan.refusal.message}")
    if plan.wait is not None:
        lines.append(f"waiting, {plan.wait.reason}: {plan.wait.message}")
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'").replace("\n", " ")
