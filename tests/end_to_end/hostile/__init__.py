"""Hostile clients: what they send, to which servers, and what they must not achieve."""
