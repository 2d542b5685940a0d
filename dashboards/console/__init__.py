"""The console's templates, styles and scripts: all that a browser gets lies here, nothing is fetched from elsewhere."""

from pathlib import Path

_FOLDER = Path(__file__).parent

#: Jinja2 templates; every page extends ``base.html``.
TEMPLATES = _FOLDER / "templates"
#: Served as they are, below ``/static``.
STATIC = _FOLDER / "static"
