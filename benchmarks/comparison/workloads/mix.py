"""httpbin from PyPI: a large application that others wrote."""

import logging

# httpbin warns about optional packages that are missing.
logging.disable(logging.WARNING)

from httpbin import app  # noqa: E402

logging.disable(logging.NOTSET)

PATHS = [
    "/get?color=red",
    "/headers",
    "/json",
    "/html",
    "/uuid",
    "/base64/TGl2ZSBjb3ZlcmFnZQ%3D%3D",
    "/anything/livecov",
    "/cookies",
    "/encoding/utf8",
    "/links/10/3",
]

__all__ = ["PATHS", "app"]
