"""Other simulators over the same events, each in an environment of its own."""
