"""A server that speaks the venues' own protocols on loopback, from any feed, with faults on demand.

It exists so that the adapters can be proven, by tests and by people, where no venue can be reached.
"""
