"""Clients that mean harm: what they send, to which server, and what must not come of it."""
