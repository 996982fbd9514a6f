"""Sphinx' settings of the site, which ``python docs/build.py`` builds; it fetches nothing and needs no server."""

import re

from docutils import nodes
from latex2mathml.converter import convert

import serkit

project = "serkit"
author = "serkit"
version = release = serkit.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["slurm"]

nb_execution_mode = "off"  # notebooks are shown as they were executed, or not at all
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
suppress_warnings = ["mystnb.unknown_mime_type", "myst.header", "ref.python", "misc.highlighting_failure"]

autodoc_default_options = {"members": True, "member-order": "bysource", "show-inheritance": True}
napoleon_use_ivar = True
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
default_role = "serkit"  # what stands between single backticks in a docstring

html_theme = "furo"
html_title = "serkit"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_search_summary = False  # which a browser may not fetch from files
html_use_index = True
html_math_renderer = "mathml"  # drawn by the browser itself: no script, no font to fetch


def _mathml(latex: str, display: str) -> str:
    """A formula as MathML, the number of a numbered one at its right."""
    tag = re.search(r"\\tag\{([^}]*)\}", latex)
    formula = convert(re.sub(r"\\tag\{[^}]*\}|\\[,;:!] *$", "", latex).strip(), display=display)
    if display == "inline":
        return f'<span class="math">{formula}</span>'
    number = f'<span class="eqno">({tag[1]})</span>' if tag else ""
    return f'<div class="math">{formula}{number}</div>\n'


def _visit_inline(translator, node):
    translator.body.append(_mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def _visit_block(translator, node):
    translator.body.append(_mathml(node.astext(), "block"))
    raise nodes.SkipNode


def _escape_bars(_app, _what, _name, _item, _options, lines):
    """A docstring's |x| is an absolute value, no substitution."""
    lines[:] = [line if "`" in line else line.replace("|", "\\|") for line in lines]


def setup(app):
    """Add the formulas' renderer, and the role of names in docstrings, which need not be written in full."""
    from sphinx.domains.python import PyXRefRole

    class Name(PyXRefRole):
        def process_link(self, env, refnode, has_explicit_title, title, target):
            title, target = super().process_link(env, refnode, has_explicit_title, title, target)
            refnode["refspecific"], refnode["refdomain"], refnode["reftype"] = True, "py", "obj"
            return title, target

    app.add_role("serkit", Name())
    app.connect("autodoc-process-docstring", _escape_bars)
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
