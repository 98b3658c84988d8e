import os

import schemathesis

schema = schemathesis.openapi.from_url(os.environ["LIVECOVERAGE_URL"] + "/openapi.json")


@schema.parametrize()
def test_api(case):
    case.call_and_validate()
