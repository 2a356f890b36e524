"""What is desired: `Sequence.toml`, the custom resources and the wire form, and how one becomes the other.
No I/O besides reading a file that is named; nothing here knows how to reach a cluster or a platform."""
