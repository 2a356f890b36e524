"""What a repository says → what is written for it. Pure, like everything in the core: no git, no cluster, no clock.

`plan_source` serves the operator, which executes the plan, and `sequence plan`, which prints it.
"""
