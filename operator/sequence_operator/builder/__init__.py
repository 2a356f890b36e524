"""The process that compiles algos out of published sources. It holds no secret and trusts nothing that it compiles."""
