import livecov


def before_scenario(context, scenario):
    livecov.start(f"{scenario.filename} > {scenario.name}".strip())
    # The first clean-up is the last one to run, after those of the steps.
    context.add_cleanup(livecov.stop)
