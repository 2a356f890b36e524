"""Market data: one stream of typed, time-ordered events, whatever the source (generated or recorded)."""
