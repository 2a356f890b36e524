"""Runs in a file: what a run depended on, and the digest of everything that happened in it."""
