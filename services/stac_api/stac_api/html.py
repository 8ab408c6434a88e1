"""Parts of a page: the frame around it, tables, links; everything that is not ours is escaped."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import unquote

Json = dict[str, Any]

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; img-src * data:; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
}

_SPACE = re.compile(r"\s")
_ENDS_OF_WORDS = re.compile(r"[:_/=](?=.)")
_MOST_LEVELS = 20  # of values one in another: nobody reads more

# `plaintext`: titles and values begin at the side that their own first letter asks for, Hebrew ones at the right.
_STYLE = """
:root{color-scheme:light dark;--line:#8884;--link:light-dark(#0b57a4,#8ec1ff)}
body{font:1rem/1.5 system-ui,sans-serif;max-width:62rem;margin:0 auto;padding:1rem 1.25rem 4rem}
a{color:var(--link)}a:focus-visible{outline:3px solid;outline-offset:2px}
header{border-bottom:1px solid var(--line);padding-bottom:.5rem;margin-bottom:1.5rem}
h1,h2{line-height:1.2}h1,h2,p,li,th,td{overflow-wrap:anywhere}
h1,p,li,th,td,a{unicode-bidi:plaintext}td,.prose{white-space:pre-wrap}
table{border-collapse:collapse;width:100%}
caption{text-align:start;font-weight:600;padding:.5rem 0}
th,td{text-align:start;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid var(--line)}
th[scope=col]{overflow-wrap:normal}th[scope=row]{font-weight:500;width:30%}td{min-width:5.5rem}
img{max-width:100%;height:auto;border:1px solid var(--line)}
form{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:end;margin-bottom:1rem}
@media(max-width:30rem){body{padding-inline:.75rem}th,td{padding-inline:.25rem}td{min-width:4.5rem}}
label{display:grid;font-size:.9rem}input,textarea,button{font:inherit;padding:.25rem .5rem}
"""
_NO_ICON = '<link rel="icon" href="data:,">'  # else browsers ask for /favicon.ico


@dataclass(frozen=True)
class Context:
    """What a page needs beside the document: the landing page's address, without its last slash, and the title.

    `here` is the address of a document that does not tell its own; empty where there is none, as of an error.
    Of a document that a body asked for (`posted`), the address alone gives something else.
    """

    base: str
    title: str
    here: str = ""
    posted: bool = False


def page(title: str, body: str, doc: Json, context: Context) -> str:
    """A whole page: the way back up, the title, the content, and the same as JSON."""
    here = href(doc, "self") or context.here
    up = href(doc, "parent") or here.partition("?")[0].rpartition("/")[0]
    crumbs = anchor(f"{context.base}/", context.title)
    if up.startswith(f"{context.base}/") and up != f"{context.base}/":
        crumbs += f" › {anchor(up, unquote(up.rpartition('/')[2]))}"
    raw = f"<p>{anchor(_as_json(here), 'This page as JSON')}</p>" if here and not context.posted else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">{_NO_ICON}'
        f"<style>{_STYLE}</style></head><body>"
        f'<header><nav aria-label="Breadcrumb">{crumbs}</nav></header>'
        f"<main><h1>{escape(title)}</h1>{body}</main><footer>{raw}</footer></body></html>"
    )


def table(caption: str, values: object) -> str:
    """Names and values, without the empty ones; nothing where all are. What has no names is shown under the caption."""
    named = values if isinstance(values, dict) else {caption: values}
    rows = "".join(
        f'<tr><th scope="row">{breakable(name)}</th><td>{shown}</td></tr>'
        for name, value in named.items()
        if (shown := cell(value))
    )
    return f"<table><caption>{escape(caption)}</caption><tbody>{rows}</tbody></table>" if rows else ""


def grid(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of several columns; the cells are HTML already, the first of a row names it. Empty rows are left out."""
    top = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'
        for first, *rest in filter(any, rows)
    )
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def paging(doc: Json) -> str:
    """Links to the pages beside this one."""
    names = {"next": "Next page", "prev": "Previous page"}
    shown = [
        anchor(text(each.get("href")), name)
        for each in links(doc)
        if (name := names.get(text(each.get("rel")))) and each.get("method", "GET") == "GET"
    ]
    return f'<nav aria-label="Pages"><p>{" · ".join(shown)}</p></nav>' if shown else ""


def href(doc: Json, rel: str) -> str:
    """Where the document's first link of this relation leads; empty where it has none."""
    return next((text(each.get("href")) for each in links(doc) if each.get("rel") == rel), "")


def links(doc: Json) -> list[Json]:
    """The document's links."""
    return [each for each in entries(doc.get("links")) if isinstance(each, dict)]


def members(value: object) -> Json:
    """What an object holds; nothing where others stored something else in its place."""
    return value if isinstance(value, dict) else {}


def entries(value: object) -> list[Any]:
    """What a list holds; nothing where others stored something else in its place."""
    return value if isinstance(value, list) else []


def anchor(target: str, words: str) -> str:
    """A link; a target that is no web address (an asset may say anything) stays text, below the words."""
    if target.startswith(("https://", "http://", "/")):
        return f'<a href="{escape(target)}">{escape(words)}</a>'
    address = shortened(target) if target[:5].lower() == "data:" else target
    return "<br>".join(escape(each) for each in dict.fromkeys((words, address)) if each)


def picture(target: str, words: str) -> str:
    """An image that words stand for; nothing where the target is neither a web address nor an image itself."""
    if not target.lower().startswith(("https://", "http://", "/", "data:image/")):
        return ""
    return f'<p><img src="{escape(target)}" alt="{escape(words)}"></p>'


def prose(value: object) -> str:
    """What somebody wrote, in the lines that they wrote it in; nothing where it is empty."""
    words = text(value).strip()
    return f'<p class="prose">{escape(words)}</p>' if words else ""


def name_of(doc: Json) -> str:
    """What a document is called."""
    return text(doc.get("title")) or text(doc.get("id"))


def shortened(words: str) -> str:
    """The beginning of a long text."""
    return words if len(words) <= 200 else words[:199] + "…"


def text(value: object, level: int = 0) -> str:
    """Any value in words; of a null none."""
    if isinstance(value, list | dict) and level == _MOST_LEVELS:
        return "…"
    if isinstance(value, list):
        return ", ".join(text(each, level + 1) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {text(each, level + 1)}" for name, each in value.items())
    if isinstance(value, bool):
        return str(value).lower()  # as JSON has it
    return "" if value is None else str(value)


def breakable(name: str) -> str:
    """A name, of a member or a media type, that may go on in the next line after each of its words."""
    return _ENDS_OF_WORDS.sub(r"\g<0><wbr>", escape(name))


def cell(value: object, level: int = 0) -> str:
    """Any value as HTML: what holds objects or addresses on several lines, an address as a link."""
    if level < _MOST_LEVELS:
        if isinstance(value, list) and any(
            isinstance(each, dict | list) or _is_address(each) for each in value
        ):
            return "<br>".join(cell(each, level + 1) for each in value)
        if isinstance(value, dict):
            return "<br>".join(f"{escape(name)}: {cell(each, level + 1)}" for name, each in value.items())
    words = text(value, level)
    return anchor(words, words) if _is_address(words) else escape(words)


def _is_address(value: object) -> bool:
    """Whether all of it is one web address."""
    return isinstance(value, str) and value.startswith(("https://", "http://")) and not _SPACE.search(value)


def _as_json(url: str) -> str:
    address, _, query = url.partition("?")
    kept = [each for each in query.split("&") if each and not each.startswith("f=")]
    return f"{address}?{'&'.join([*kept, 'f=json'])}"
