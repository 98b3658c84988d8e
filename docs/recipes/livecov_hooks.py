import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    case.headers["Livecov-Test"] = case.operation.label
