"""What all pages share: the style sheet, the templates, and how they are filled. Everything shown is escaped."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from idchaos.report.palette import css_variables
from idchaos.report.summary import GLYPHS


def filled(template: str, **cells: Any) -> str:
    """A page as HTML: self-contained, and it needs no network."""
    return _environment().get_template(template).render(css=_css(), glyphs=GLYPHS, **cells)


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("idchaos.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@functools.cache
def _css() -> Markup:
    """The style sheet, with the plots' colours as custom properties."""
    text = resources.files("idchaos.report").joinpath("templates/page.css").read_text(encoding="utf-8")
    light, dark = css_variables("light"), css_variables("dark")
    return Markup(text.replace("LIGHT", light).replace("DARK", dark))  # noqa: S704 (our own file)
