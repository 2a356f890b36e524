"""The operator process: watches custom resources, observes the platform, executes plans, writes status.

No trading decision is made here; those are in `sequence_operator.reconcile`.
"""
