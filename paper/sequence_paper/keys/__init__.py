"""Accounts and keys, made at the command line of the machine that the database is on."""
