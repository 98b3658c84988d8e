import livecov

ROBOT_LISTENER_API_VERSION = 3


def start_test(data, result):
    livecov.start(data.full_name)


def end_test(data, result):
    livecov.stop()
