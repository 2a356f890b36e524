"""sequence-operator: keeps a trading platform in the state that Sequence.toml describes."""

__version__ = "0.1.0"
