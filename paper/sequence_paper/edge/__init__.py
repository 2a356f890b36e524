"""Edges: the processes beside a venue that run algo instances, and the sandbox those run in."""
