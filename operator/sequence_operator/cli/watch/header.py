"""The first line: which deployment, in which state, and whether what is shown is fresh."""

from rich.text import Text

from sequence_operator.cli.amounts import age
from sequence_operator.cli.watch.model import Model


def header(model: Model, now: float, *, paused: bool, problem: str = "", unicode: bool = True) -> Text:
    """`xvenue · sandbox · running · ● live · bus ok`; every sign has its word."""
    dot, ring = ("●", "○") if unicode else ("*", "o")
    line = Text(f"{model.name}", "bold")
    line.append(f" · {model.mode} · ")
    line.append(model.status, "green" if model.status == "running" else "yellow")
    line.append(" · ")
    phase, since = model.link.phase, age(model.link.since, now)
    match phase:
        case "live":
            line.append(f"{dot} live", "green")
        case "polling":
            line.append(f"{ring} no stream: asking every 2 s", "yellow")
        case "lost":
            line.append(f"{ring} STREAM LOST {since} ago, trying again", "bold red")
        case _:
            line.append(f"{ring} connecting", "yellow")
    if model.bus is False:
        line.append(" · BUS AWAY", "bold red")
    if model.dropped:
        line.append(f" · {model.dropped:,} left out", "yellow")
    if paused:
        line.append(" · PAUSED (space goes on)", "bold yellow")
    if problem:
        line.append(f" · {problem}", "red")
    return line
