from flask_livecoverage.measured import measured_application


def make_application():
    from shop import application  # imported here, so that its import is measured, too

    return application


application = measured_application(make_application)
