"""Shows that ``livecov affected`` is sound: changes applications in random places, and runs their suites.

::

    python -m benchmarks.affected --mutants 4000 --jobs 2 --output build/affected
    python -m benchmarks.affected --application tutorial --only 17       # the mutant of this number, in detail
    python -m benchmarks.affected --judge none                           # selects none: misses must be reported

The baseline of each application is recorded once by the product: its suite against a live server, in a git repository
of its own. Then files are changed in a random place, for each mutant anew. The whole suite is run in a forked child of
a process that has imported pytest and Flask, by the same tests, whose client then calls the application directly. Each
test whose outcome is another one than before must have been selected for the change. The outcomes are kept in the
output folder, so another selection can be judged without running the suites again.
"""
