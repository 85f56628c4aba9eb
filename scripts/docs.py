"""What mkdocs.yml builds the pages with: tables made from the code, equations, and links that GitHub shares."""

import ast
import re
from html import unescape

import griffe
from latex2mathml.converter import convert

from jaxvqa.dimensions import DIMENSIONS, prompt
from jaxvqa.tasks import TASKS
from jaxvqa.tasks.configuration import config_path, describe

REPOSITORY = "https://github.com/jaxvqa/jaxvqa/blob/main/"


def on_page_markdown(markdown: str, **_: object) -> str:
    """Puts tables in place of their marks; links to files outside of docs/ lead to the repository."""
    for mark, table in (("<!-- dimensions -->", dimensions), ("<!-- configs -->", configs)):
        if mark in markdown:
            markdown = markdown.replace(mark, table())
    return re.sub(r"\]\(\.\./", f"]({REPOSITORY}", markdown)


def on_page_content(html: str, **_: object) -> str:
    r"""Equations, which arithmatex leaves as \(...\) and \[...\], as MathML, which browsers draw by themselves."""
    html = re.sub(r"\\\((.*?)\\\)", lambda found: convert(unescape(found[1])), html, flags=re.S)
    return re.sub(r"\\\[(.*?)\\\]", lambda found: convert(unescape(found[1]), display="block"), html, flags=re.S)


class Annotations(griffe.Extension):
    """Shapes in annotations stay texts, which griffe takes for code; what modules hold without telling is left out."""

    def on_function_instance(self, *, node: ast.AST | griffe.ObjectNode, func: griffe.Function, **_: object) -> None:
        given = node.args
        for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs):
            func.parameters[argument.arg].annotation = annotation(argument.annotation, func.parent)
        func.returns = annotation(node.returns, func.parent)

    def on_attribute_instance(self, *, node: ast.AST | griffe.ObjectNode, attr: griffe.Attribute, **_: object) -> None:
        attr.annotation = annotation(getattr(node, "annotation", None) or getattr(node, "returns", None), attr.parent)

    def on_class(self, *, cls: griffe.Class, **_: object) -> None:
        for name, member in [*cls.members.items()]:
            if member.is_attribute and not (member.annotation or member.docstring):
                cls.del_member(name)


def annotation(node: ast.expr | None, parent: griffe.Module | griffe.Class) -> griffe.Expr | str | None:
    """An annotation, whose texts stay texts."""
    return None if node is None else griffe.get_expression(node, parent, parse_strings=False)


def dimensions() -> str:
    """The 16 dimensions, their names as columns, and their prompts."""
    rows = [
        f"| `{d.code}` | {d.name} | {code(d.column)} | {prompt(d.positive)} | {prompt(d.negative)} |"
        for d in DIMENSIONS
    ]
    return "\n".join(["| code | name | column | good prompt | bad prompt |", "|---|---|---|---|---|", *rows])


def configs() -> str:
    """Of each config, the commands that run it, what it says at its top, and its fields."""
    commands: dict[str, list[str]] = {}
    for task in TASKS:
        commands.setdefault(task.config, []).append(f"`jaxvqa {task.command}`")
    parts = []
    for name in commands:
        said, fields = describe(config_path(name))
        rows = [f"| {code(field.name)} | {cell(field.default)} | {escape(field.comment)} |" for field in fields]
        table = ["| field | default | what it does |", "|---|---|---|", *rows] if rows else ["It has no fields."]
        run_by = f"Run by {' and '.join(commands[name])}."
        parts.append(f"## {name}\n\n{run_by} {options_as_code(said.strip())}\n\n" + "\n".join(table))
    return "\n\n".join(parts)


def options_as_code(text: str) -> str:
    """Text in whose paragraphs options, and names with an underscore, stand as code, if they do not yet."""
    word = re.compile(r"`[^`]*`|--\w[^\s`]*\w|\w+_\w+(?::\w+)?|\b(?:configs|data|jaxvqa|runs)/[\w/.]*\w")
    parts = text.split("\n\n")
    marked = [part if part.startswith("    ") else word.sub(lambda f: f"`{f[0].strip('`')}`", part) for part in parts]
    return "\n\n".join(marked)


def cell(value: object) -> str:
    """A default in a table; of a list, its length, for it would not fit."""
    if isinstance(value, list | tuple) and len(str(value)) > 40:
        return f"{len(value)} entries, see the file"
    return "empty" if value == "" else code(str(value))


def code(text: str) -> str:
    """Code that may be broken where words end, so that tables fit on a phone."""
    breakable = re.sub(r"([._:/,])", r"<wbr>\1", text).replace("_", "&#95;")
    return f"<code>{breakable}</code>"


def escape(text: str) -> str:
    """Text as it stands in a table, not as markup."""
    return re.sub(r"([|<*_`])", r"\\\1", text)
