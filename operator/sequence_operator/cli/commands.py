"""Which commands exist, where each lives, and its line in `--help`: read without importing any of them."""

from typing import NamedTuple


class Entry(NamedTuple):
    """`module` below sequence_operator.cli, the click command's name in it, and the line shown in the overview."""

    module: str
    attribute: str
    help: str


COMMANDS: dict[str, Entry] = {
    "init": Entry("init", "init", "Create a new algo project that compiles and passes its test."),
    "build": Entry("build", "build", "Compile the algo in this directory to WASM and inspect it."),
    "deploy": Entry("deploy", "deploy", "Build, store and register the algo; it stays stopped and warm."),
    "start": Entry("state", "start", "Start a deployment, or resume it after a stop or a pause."),
    "stop": Entry("state", "stop", "Stop a deployment; its state and resting orders are kept."),
    "undeploy": Entry("undeploy", "undeploy", "Stop a deployment and delete its registration."),
    "status": Entry("status", "status", "Show deployments, or one with its instances and history."),
    "logs": Entry("logs", "logs", "Print the algo's log lines; -f follows them."),
    "mesh": Entry("mesh", "mesh", "Show where labels run and how long messages take between them."),
    "trace": Entry("trace", "trace", "Show where an order's nanoseconds went, and its commit."),
    "capsule": Entry("capsule", "capsule", "Make a file that repeats what led to an order."),
    "intel": Entry("intel", "intel", "Show what the market offers: venues, slippage, and the split now."),
    "tca": Entry("tca", "tca", "Show what trading cost: slippage, spreads, fees, venues."),
    "watch": Entry("watch.command", "watch", "Show orders, fills, latency, mesh and log as they happen."),
    "preflight": Entry("preflight", "preflight", "Check what would keep the algo from being registered."),
    "plan": Entry("plan", "plan", "Show what the operator would do; changes nothing."),
    "render": Entry("render", "render", "Print the custom resources of a repository, for Flux or Argo CD."),
    "set": Entry("set", "set_", "Change keys of Sequence.toml; comments and order stay."),
    "export": Entry("export", "export", "Write a Sequence.toml of what runs on the platform."),
    "rollback": Entry("rollback", "rollback", "Run an earlier module again, without git or a build."),
    "login": Entry("login", "login", "Store an API key for the chosen context."),
    "up": Entry("up", "up", "Run the whole system on this machine."),
    "down": Entry("up", "down", "Stop what `up` started."),
    "completion": Entry("completion", "completion", "Print the completion script for bash, zsh or fish."),
    "version": Entry("version", "version", "Print the versions of the CLI and of the tools it uses."),
}
