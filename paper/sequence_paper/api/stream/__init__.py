"""`/v1/stream`: what happens, told while it happens.

Telemetry is told to whoever keeps up, and what a slow client misses is counted. Fills and log lines are different: they
are read from the store, in pages, at the speed of the client, and none is ever left out.
"""
