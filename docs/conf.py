"""Configuration of Sphinx."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

from flask_livecoverage import __version__  # noqa: E402

project = "Flask-LiveCoverage"
author = "The Flask-LiveCoverage developers"
copyright = "2026, The Flask-LiveCoverage developers"
version = release = __version__

extensions = ["sphinx.ext.autodoc", "sphinx_click", "settings_table"]
exclude_patterns = ["_build"]
default_role = "literal"
highlight_language = "default"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True

# No intersphinx: the documentation is built without a network. These names belong to other packages.
nitpick_ignore_regex = [
    ("py:(class|data|exc)", r"(flask|werkzeug|wsgiref|_typeshed|typing|collections|contextlib)\..*"),
    ("py:class", r"(Flask|WSGIApplication|WSGIEnvironment|StartResponse|Any|Callable|Iterable|Iterator|Function)"),
    # Internal names of this package.
    ("py:class", r"(flask_livecoverage\.)?((recorder\.)?Recorder|(extension\.)?Function)"),
    ("py:class", r"(flask_livecoverage\.)?(middleware\.)?(Describe|IsMaterialized)"),
]

html_theme = "furo"
html_title = f"{project} {release}"
html_show_sourcelink = False
html_copy_source = False
