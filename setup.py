"""The part in C, which is optional: without it, the same is done in Python. All else is in setup.cfg."""

import sys
import sysconfig

from setuptools import Extension, setup

# For the stable ABI: one build serves Python 3.12 and all later versions, but no free-threaded one.
compiled = sys.version_info >= (3, 12) and not sysconfig.get_config_var("Py_GIL_DISABLED")

setup(
    ext_modules=[
        Extension(
            "flask_livecoverage.engines._locations",
            ["flask_livecoverage/engines/_locations.c"],
            py_limited_api=True,
            optional=True,
        )
    ]
    if compiled
    else [],
    options={"bdist_wheel": {"py_limited_api": "cp312"}} if compiled else {},
)
