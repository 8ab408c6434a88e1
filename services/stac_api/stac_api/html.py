"""Parts of a page: the frame around it, tables, links; everything that is not ours is escaped."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import unquote, urlsplit

Json = dict[str, Any]

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; img-src * data:; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
}

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--link:light-dark(#0b57a4,#8ec1ff)}
body{font:1rem/1.5 system-ui,sans-serif;max-width:62rem;margin:0 auto;padding:1rem 1.25rem 4rem}
a{color:var(--link)}a:focus-visible{outline:3px solid;outline-offset:2px}
header{border-bottom:1px solid var(--line);padding-bottom:.5rem;margin-bottom:1.5rem}
h1{line-height:1.2;overflow-wrap:anywhere}table{border-collapse:collapse;width:100%}
caption{text-align:left;font-weight:600;padding:.5rem 0}
th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th[scope=row]{font-weight:500;width:30%}
img{max-width:100%;height:auto;border:1px solid var(--line)}
form{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:end;margin-bottom:1rem}
label{display:grid;font-size:.9rem}input,button{font:inherit;padding:.25rem .5rem}
"""


@dataclass(frozen=True)
class Context:
    """What a page needs beside the document: the landing page's address, without its last slash, and the title."""

    base: str
    title: str


def page(title: str, body: str, doc: Json, context: Context) -> str:
    """A whole page: the way back up, the title, the content, and the same as JSON."""
    here, up = href(doc, "self"), href(doc, "parent")
    crumbs = anchor(f"{context.base}/", context.title)
    if up and up != f"{context.base}/":
        crumbs += f" › {anchor(up, unquote(urlsplit(up).path.rpartition('/')[2]))}"
    raw = f"<p>{anchor(_as_json(here), 'This page as JSON')}</p>" if here else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head><body>'
        f'<header><nav aria-label="Breadcrumb">{crumbs}</nav></header>'
        f"<main><h1>{escape(title)}</h1>{body}</main><footer>{raw}</footer></body></html>"
    )


def table(caption: str, values: Mapping[str, Any]) -> str:
    """Names and values, without the empty ones; nothing where all are."""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{_cell(value)}</td></tr>'
        for name, value in values.items()
        if value not in (None, "", [], {})
    )
    return f"<table><caption>{escape(caption)}</caption><tbody>{rows}</tbody></table>" if rows else ""


def grid(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of several columns; the cells are HTML already, the first of a row names it."""
    top = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def paging(doc: Json) -> str:
    """Links to the pages beside this one."""
    names = {"next": "Next page", "prev": "Previous page"}
    links = [
        anchor(each["href"], names[each["rel"]])
        for each in doc["links"]
        if each["rel"] in names and each.get("method", "GET") == "GET"
    ]
    return f'<nav aria-label="Pages"><p>{" · ".join(links)}</p></nav>' if links else ""


def href(doc: Json, rel: str) -> str:
    """Where the document's first link of this relation leads; empty where it has none."""
    return str(next((each["href"] for each in doc.get("links", []) if each["rel"] == rel), ""))


def anchor(target: str, text: str) -> str:
    """A link; a target that is no web address (an asset may say anything) stays text."""
    if not target.startswith(("https://", "http://", "/")):
        return escape(text)
    return f'<a href="{escape(target)}">{escape(text)}</a>'


def shortened(text: str) -> str:
    """The beginning of a long text."""
    return text if len(text) <= 200 else text[:199] + "…"


def _cell(value: Any) -> str:
    if isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        return "<br>".join(_cell(each) for each in value)
    if isinstance(value, list):
        return escape(", ".join(str(each) for each in value))
    if isinstance(value, dict):
        return "<br>".join(f"{escape(name)}: {_cell(each)}" for name, each in value.items())
    text = str(value)
    return anchor(text, text) if text.startswith(("https://", "http://")) else escape(text)


def _as_json(url: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}f=json"
