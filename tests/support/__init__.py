"""What tests of several rooms share: applications, processes, journals, and the numbers of lines."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
