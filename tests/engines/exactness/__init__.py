"""Random programs, run by many threads at once and compared with what ``sys.settrace`` reports for each run alone."""
