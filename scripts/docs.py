"""What mkdocs.yml builds the pages with: tables made from the code, equations, and links that GitHub shares."""

import re
from pathlib import Path

from latex2mathml.converter import convert

from jaxvqa.configuration import config_paths, describe
from jaxvqa.dimensions import DIMENSIONS, prompt

REPOSITORY = "https://github.com/jaxvqa/jaxvqa/blob/main/"


def on_page_markdown(markdown: str, **_: object) -> str:
    """Puts tables in place of their marks; links to files outside of docs/ lead to the repository."""
    for mark, table in (("<!-- dimensions -->", dimensions), ("<!-- configs -->", configs)):
        if mark in markdown:
            markdown = markdown.replace(mark, table())
    return re.sub(r"\]\(\.\./", f"]({REPOSITORY}", markdown)


def on_page_content(html: str, **_: object) -> str:
    r"""Equations, which arithmatex leaves as \(...\) and \[...\], as MathML, which browsers draw by themselves."""
    for display, open_, close in (("inline", r"\\\(", r"\\\)"), ("block", r"\\\[", r"\\\]")):
        html = re.sub(f"{open_}(.*?){close}", lambda found, d=display: convert(plain(found[1]), d), html, flags=re.S)
    return html


def plain(html: str) -> str:
    """Text without the marks that HTML needs."""
    return html.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def dimensions() -> str:
    """The 16 dimensions, their names as columns, and their prompts."""
    rows = [
        f"| `{d.code}` | {d.name} | `{d.column}` | {prompt(d.positive)} | {prompt(d.negative)} |" for d in DIMENSIONS
    ]
    return "\n".join(["| code | name | column | good prompt | bad prompt |", "|---|---|---|---|---|", *rows])


def configs() -> str:
    """Of each config, what it says at its top, and its fields."""
    parts = []
    for name, path in sorted(config_paths().items()):
        said, fields = describe(path)
        rows = [f"| `{field.name}` | {cell(field.default)} | {escape(field.comment)} |" for field in fields]
        table = "\n".join(["| field | default | what it does |", "|---|---|---|", *rows])
        parts.append(f"## {name}\n\n{said.strip()}\n\n{table}")
    return "\n\n".join(parts)


def cell(value: object) -> str:
    """A default in a table; of a list, its length, for it would not fit."""
    if isinstance(value, list | tuple) and len(str(value)) > 40:
        return f"{len(value)} entries, see the file"
    return "empty" if value == "" else f"`{value}`"


def escape(text: str) -> str:
    """Text as it stands in a table, not as markup."""
    return re.sub(r"([|<*_`])", r"\\\1", text)
