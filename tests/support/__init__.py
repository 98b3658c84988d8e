"""Helpers for tests in several folders: applications, processes, journals, and line numbers."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
