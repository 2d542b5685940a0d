"""Pages that hold all they need: one file of HTML, dark, no script, nothing fetched from anywhere."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape

from dashboards.printable import printable

_STYLE = """
:root { color-scheme: dark; }
body { background: #181a1e; color: #e6e8eb; font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1680px;
  padding: 24px; }
h1 { font-size: 24px; margin: 0 0 8px; } h2 { font-size: 19px; margin: 36px 0 8px; } h3 { font-size: 15px; margin: 0; }
p, dl { margin: 4px 0; } .quiet, dt, th { color: #a5aab2; font-weight: normal; }
article { background: #22252b; border-left: 4px solid #6b7280; border-radius: 4px; margin: 12px 0; padding: 12px 16px; }
article.high { border-color: #f26d6d; } article.medium { border-color: #e5b454; } article.low { border-color: #5bb8c9; }
img { display: block; height: auto; margin-top: 8px; max-width: 100%; } svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; } td, th { padding: 3px 14px 3px 0; text-align: left; vertical-align: top; }
td:not(:first-child) { overflow-wrap: anywhere; }
td.number, th.number { font-variant-numeric: tabular-nums; text-align: right; }
figure { margin: 8px 0; } figcaption { color: #a5aab2; font-size: 13px; }
.strip { display: grid; gap: 16px; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
.strip figure { max-width: 256px; width: auto; } .facts { column-gap: 28px; display: flex; flex-wrap: wrap; }
.facts dt { font-size: 13px; margin-right: 6px; } .facts div { align-items: baseline; display: flex; }
.facts dd { margin: 0; overflow-wrap: anywhere; } .scroll { overflow-x: auto; }
@media (max-width: 600px) { body { padding: 12px; } svg text { font-size: 22px; } .strip { gap: 8px; } }
.scroll td, .scroll th { overflow-wrap: normal; }
.scroll td { white-space: nowrap; } .scroll td.words { min-width: 100px; overflow-wrap: anywhere; white-space: normal; }
.scroll td.words:first-child { min-width: 180px; } .scroll + h3 { margin-top: 14px; }
.courses { display: grid; gap: 4px 24px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 360px), 1fr)); }
svg.course rect { fill: #22252b; } svg.course text { fill: #c3c8cf; font-size: 12px; }
svg.course line, svg.course polyline { fill: none; stroke-linecap: round; stroke-linejoin: round; }
svg.course .mark { stroke: #4b515b; } svg.course .line-0 { stroke: #56b4e9; stroke-width: 2; }
svg.course .line-1 { stroke: #e69f00; stroke-width: 2; } svg.course .drift-0 { stroke: #a9dcff; }
svg.course .drift-1 { stroke: #ffd27a; } svg.course .drift-0, svg.course .drift-1 { stroke-dasharray: 5 4; }
@page { size: A4; margin: 12mm 12mm 14mm; }
@media print {
  :root { color-scheme: light; } body { background: #fff; color: #111; font-size: 9.5pt; max-width: none; padding: 0; }
  h1 { font-size: 17pt; } h2 { break-after: avoid; font-size: 12.5pt; margin: 18pt 0 4pt; }
  h3 { break-after: avoid; font-size: 10pt; } article > .facts { break-after: avoid; break-inside: avoid; }
  .quiet, dt, th, figcaption { color: #444; } article { background: none; border: 1px solid #999;
    border-left-width: 5px; box-decoration-break: clone; padding: 6px 10px; } img { max-height: 90mm; width: auto; }
  .scroll { overflow: visible; } table { font-size: 7.5pt; } td, th { padding: 1px 7px 1px 0; }
  tr, svg, img, figure { break-inside: avoid; } tbody tr:first-child { break-before: avoid; }
  .scroll td.words { min-width: 50px; } .scroll td.words:first-child { min-width: 100px; }
  svg rect { fill: #f1f2f4; } svg text { fill: #333; } svg.small { width: 100px; }
  svg.small polyline { stroke: #0060a0; } .courses { gap: 2px 12px; grid-template-columns: repeat(3, 1fr); }
  .courses figure { margin: 4px 0; } figcaption { font-size: 7.5pt; }
  svg.course rect { fill: none; stroke: #767676; } svg.course text { fill: #111; font-size: 14px; }
  svg.course .mark { stroke: #c4c4c4; } svg.course .line-0 { stroke: #0060a0; } svg.course .line-1 { stroke: #b04a00; }
  svg.course .drift-0 { stroke: #003459; } svg.course .drift-1 { stroke: #6b2d00; }
}
"""

#: For the header Content-Security-Policy: its own pictures and its own style, and nothing else.
PAGE_POLICY = (
    "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)


def html_page(title: str, parts: Iterable[str]) -> str:
    """A whole page; ``parts`` are HTML already."""
    body = "\n".join(parts)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{text(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{text(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


class Markup(str):
    """HTML that was made here, where otherwise any text may stand."""

    __slots__ = ()


def text(words: str) -> str:
    """Any text, as it may stand in HTML."""
    return escape(printable(words))


def paragraph(words: str, *, quiet: bool = False) -> str:
    """A paragraph."""
    return f'<p class="quiet">{text(words)}</p>' if quiet else f"<p>{text(words)}</p>"


def heading(words: str) -> str:
    """Of a section."""
    return f"<h2>{text(words)}</h2>"


def picture(png: bytes, says: str) -> str:
    """A PNG inside the page; ``says`` for who can't see it."""
    data = base64.b64encode(png).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{text(says)}">'


def captioned(shown: str, words: str) -> str:
    """A picture, which is HTML already, with what it is of below it."""
    return f"<figure>{shown}<figcaption>{text(words)}</figcaption></figure>"


def figures(drawings: Iterable[tuple[str, Markup]]) -> str:
    """Drawings with what they are of, as many beside one another as fit; those that show nothing are left out."""
    shown = (f"<figure><figcaption>{text(of)}</figcaption>{drawing}</figure>" for of, drawing in drawings if drawing)
    return f'<div class="courses">{"".join(shown)}</div>'


def facts_line(facts: Iterable[tuple[str, str]]) -> str:
    """Names and values behind one another, as many in a line as fit; those without a value are left out."""
    named = (f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in facts if value)
    return f'<dl class="facts">{"".join(named)}</dl>'


def html_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[str] = (), words: Iterable[str] = ()
) -> str:
    """A table; the columns named in ``numbers`` are aligned to the right, those in ``words`` hold sentences.

    With names of columns it is scrolled sideways where it is too wide, and named again on each printed page; else its
    values are broken. A cell may be ``Markup``.
    """
    kinds = dict.fromkeys(numbers, ' class="number"') | dict.fromkeys(words, ' class="words"')

    def cells(tag: str, row: Sequence[str]) -> str:
        marks = (kinds.get(column, "") for column in columns)
        shown = (cell if isinstance(cell, Markup) else text(cell) for cell in row)
        return "".join(f"<{tag}{mark}>{cell}</{tag}>" for mark, cell in zip(marks, shown, strict=True))

    head = f"<thead><tr>{cells('th', columns)}</tr></thead>\n" if any(columns) else ""
    body = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    table = f"<table>\n{head}<tbody>\n{body}\n</tbody>\n</table>"
    return f'<div class="scroll">{table}</div>' if head else table
