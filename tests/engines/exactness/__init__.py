"""Random programs, run by many threads at once, against what ``sys.settrace`` says of each alone."""
