"""Pure functions over the recorded facts."""
