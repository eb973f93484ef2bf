"""Configuration of the documentation: ``sphinx-build -W docs docs/_build``."""

import shutil
from pathlib import Path
from typing import Any

import pyngn_graph

project = "pyngn_graph"
author = "The pyngn_graph authors"
copyright = "2026, The pyngn_graph authors"
release = pyngn_graph.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"pyngn_graph {release}"

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # notebooks are committed with their outputs; "plots" runs, as it says
nb_execution_raise_on_error = True
nb_execution_timeout = 300

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # signatures show them already
autodoc_inherit_docstrings = False
napoleon_use_ivar = True
napoleon_use_rtype = False


def setup(app: Any) -> None:
    """Copies the notebooks of ``tutorials/`` to where Sphinx looks for pages."""
    source, copies = Path(app.srcdir).parent / "tutorials", Path(app.srcdir) / "tutorials"
    shutil.rmtree(copies, ignore_errors=True)
    copies.mkdir()
    for notebook in sorted(source.glob("*.ipynb")):
        shutil.copy(notebook, copies)
