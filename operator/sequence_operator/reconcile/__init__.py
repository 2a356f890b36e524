"""The core: from what is desired, observed and recorded to a plan, and from what was done to a status.

Pure: no I/O, no clock, no Kubernetes library. The controller observes, calls `plan`, executes its actions in order,
calls `next_status` and writes the result when it differs; the CLI prints the same plan.
"""
