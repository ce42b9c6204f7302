"""Settings of the documentation. It is built offline: no inventories of other projects are fetched."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "scatterkit"
author = "The scatterkit developers"
copyright = "2026, The scatterkit developers"
release = version = installed_version("scatterkit")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings state types, shapes and units
numpydoc_show_class_members = False  # the class template lists them
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "gallery",
    "filename_pattern": "/plot_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": False,  # a broken script fails the build at its end, with all others looked at
    "image_scrapers": ("gallery_figures.returned_figures", "matplotlib"),
    "capture_repr": ("_repr_html_",),  # figures are shown; their names need not be
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
    "download_all_examples": False,
    "write_computation_times": False,  # of one computer on one day
    "plot_gallery": "False",  # `make gallery` runs the scripts; a str, as the command line gives it
}

linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_anchors = False  # many pages make theirs by scripts

html_theme = "pydata_sphinx_theme"
html_title = f"scatterkit {release}"
html_static_path = ["_static"]
html_css_files = ["gallery.css"]
html_theme_options = {"navigation_with_keys": False, "secondary_sidebar_items": ["page-toc"]}
html_show_sourcelink = False
html_sidebars = {
    page: [] for page in ("[!a]*", "accuracy", "augmentation", "gallery/*/*")
}  # all but the reference's
html_math_renderer = "mathml"


def skip_inherited_from_scikit_learn(_app, _what, _name, member, _skip, _options):
    """Leave out what every scikit-learn object has: its text refers to pages of scikit-learn."""
    module = getattr(member, "__module__", None) or ""
    return True if module.startswith("sklearn.") else None


def show_inline_formula(translator, node):
    """Write a formula as MathML: browsers draw it by themselves, also without a network."""
    translator.body.append(tex2mathml(node.astext()))
    raise SkipNode


def show_formula(translator, node):
    """Write a formula on a line of its own."""
    translator.body.append(f'<div style="margin: 1em 0">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise SkipNode


def setup(app):
    """Connect to autodoc and to the writer of pages."""
    app.add_html_math_renderer("mathml", (show_inline_formula, None), (show_formula, None))
    app.connect("autodoc-skip-member", skip_inherited_from_scikit_learn)
