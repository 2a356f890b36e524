"""The platform API over HTTP: registrations and readings. It holds no state of its own that a restart could lose."""
