"""The command line `sequence`: one file a command family, loaded only when its command runs."""
