"""Pieces of a page: tables, embedded pictures, numbers. Every text is escaped here and nowhere else."""

import base64
from collections.abc import Iterable, Sequence
from html import escape

#: Longer tables end with how many rows are left out; `--json` has them all.
MOST_ROWS = 60
_CSS = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; background: #fff; max-width: 1100px; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.6em } h2 { margin-top: 2em; border-bottom: 1px solid #ccc } h3 { margin-bottom: .3em }
table { border-collapse: collapse; margin: .6em 0 1.2em; font-size: 13px } caption { text-align: left; color: #555; padding: .3em 0 }
th, td { padding: .15em .7em; text-align: right; border-bottom: 1px solid #e6e6e6; vertical-align: top }
th:first-child, td:first-child, .text { text-align: left; overflow-wrap: anywhere } thead th { border-bottom: 1px solid #888 }
figure { margin: .8em 0 1.6em } img { max-width: 100%; height: auto } figcaption, .note { color: #555; font-size: 13px }
@media print { body { max-width: none; margin: 0; font-size: 11px } table { font-size: 9px } figure, tr { break-inside: avoid } }
"""


def table(head: Sequence[str], rows: Iterable[Sequence], *, text: int = 1, caption: str = "", most: int = MOST_ROWS) -> str:
    """A table whose first `text` columns are text; rows beyond `most` are counted below it."""
    rows = list(rows)

    def cells(tag: str, values: Sequence) -> str:
        kinds = [' class="text"' if i < text or head[i] == "reasons" else "" for i in range(len(values))]
        return "".join(f"<{tag}{kind}>{escape(str(v))}</{tag}>" for v, kind in zip(values, kinds, strict=True))

    body = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in rows[:most])
    top = f"<caption>{escape(caption)}</caption>" if caption else ""
    left_out = f'<p class="note">and {len(rows) - most} more; `--json` lists all.</p>' if len(rows) > most else ""
    return f"<table>{top}<thead><tr>{cells('th', head)}</tr></thead>\n<tbody>\n{body}\n</tbody></table>{left_out}"


def picture(image: bytes, alt: str, caption: str, kind: str = "svg+xml") -> str:
    """A picture, `kind` "svg+xml" or "jpeg", embedded as a file of its own: its ids and texts stay apart from the page's."""
    data_uri = f"data:image/{kind};base64," + base64.b64encode(image).decode()
    return f'<figure><img alt="{escape(alt)}" src="{data_uri}"><figcaption>{escape(caption)}</figcaption></figure>'


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def short(value: float | None) -> str:
    if value is None:
        return "-"
    size = abs(value)
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 1 else f"{value:.3f}"


def or_dash(value) -> str:
    return "-" if value is None else str(value)


def span(pair: Sequence[float], digits: int) -> str:
    low, high = (f"{v:.{digits}f}" for v in pair)
    return low if low == high else f"{low} to {high}"


def note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def document(title: str, body: str) -> str:
    """The whole page; `body` is markup."""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>{_CSS}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )
