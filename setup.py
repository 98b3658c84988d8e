"""The C extensions, which are optional, because Python code does the same. All else is in setup.cfg."""

import sys
import sysconfig

from setuptools import Extension, setup


def extension(name: str) -> Extension:
    """For the stable ABI: one build serves all later versions of Python, but no free-threaded one."""
    source = f"flask_livecoverage/{name.replace('.', '/')}.c"
    return Extension(f"flask_livecoverage.{name}", [source], py_limited_api=True, optional=True)


names = []
if not sysconfig.get_config_var("Py_GIL_DISABLED"):
    names.append("journal._appended")
    if sys.version_info >= (3, 12):
        names.append("engines._locations")

setup(
    ext_modules=[extension(name) for name in names],
    options={"bdist_wheel": {"py_limited_api": f"cp3{min(sys.version_info.minor, 12)}"}} if names else {},
)
