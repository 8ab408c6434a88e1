"""A part of a page of the docs that a benchmark writes anew, between two comments with its name."""

from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def put(page: str, name: str, section: str) -> None:
    """Put `section` (whole lines) into `docs/PAGE`, in the place of the last one of that name, else at the end."""
    path = DOCS / page
    text = path.read_text()
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    if begin not in text:
        text += f"\n{begin}{end}"
    before, _, rest = text.partition(begin)
    path.write_text(f"{before}{begin}{section}{end}{rest.partition(end)[2]}")
