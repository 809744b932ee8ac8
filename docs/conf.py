"""Sphinx configuration of the site; `make docs` builds it without network."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / '_ext'), str(HERE.parent)]

import mm_perception  # noqa: E402

project = 'mm_perception'
author = 'the mm_perception developers'
copyright = author
version = release = mm_perception.__version__
extensions = ['myst_parser', 'mmp_docs']
exclude_patterns = ['_build', '_ext', 'README.md']
myst_enable_extensions = ['colon_fence']
myst_heading_anchors = 3
html_theme = 'furo'
html_title = 'mm_perception'
html_static_path = ['_static']
html_css_files = ['tables.css']
html_show_sphinx = False
html_copy_source = False
