"""Cost analysis over the API: facts from the store and the recording, `analysis` for the figures, routes, reports."""
