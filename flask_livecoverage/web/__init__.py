"""The control routes."""
