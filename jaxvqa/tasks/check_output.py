"""What breaks the rules of a gate, for people, for JUnit readers and for GitHub Actions."""

from collections.abc import Sequence
from xml.etree import ElementTree

from rich.text import Text

from ..evaluation.gate import Violation
from ..system.terminal import printable, table_console


def print_violations(paths: Sequence[str], found: Sequence[Violation]) -> None:
    """Prints how many videos fail, and why, a violation a line."""
    out, failed = table_console(), {each.path for each in found}
    verdict = f"{len(failed)} of {len(paths)} videos fail." if failed else f"All {len(paths)} videos pass."
    out.print(Text(verdict, "bold"))
    for each in found:
        said = each.message if each.path in each.message else f"{each.path}: {each.message}"
        out.print(Text(f"  {printable(said)}"), soft_wrap=not out.is_terminal)


def junit(paths: Sequence[str], found: Sequence[Violation]) -> str:
    """A JUnit report: a test for each video, which fails with all that the video breaks."""
    suite = ElementTree.Element("testsuite", name="jaxvqa check", tests=str(len(paths)))
    broken: dict[str, list[Violation]] = {path: [] for path in paths}
    for each in found:
        broken[each.path].append(each)
    errors = [path for path in paths if any(each.score is None for each in broken[path])]
    suite.set("errors", str(len(errors)))
    suite.set("failures", str(len([path for path in paths if broken[path]]) - len(errors)))
    for path in paths:
        case = ElementTree.SubElement(suite, "testcase", classname="jaxvqa.check", name=printable(path))
        if broken[path]:
            kind = "error" if path in errors else "failure"
            said = [printable(each.message) for each in broken[path]]
            ElementTree.SubElement(case, kind, message="; ".join(said), type=broken[path][0].rule).text = "\n".join(
                said
            )
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, "unicode", xml_declaration=True) + "\n"


def annotations(found: Sequence[Violation]) -> str:
    """Violations as GitHub Actions shows them beside a change.

    Source: GitHub, Workflow commands for GitHub Actions, and how its toolkit escapes them.
    """
    lines = []
    for each in found:
        message, path = (
            printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
            for text in (f"{each.path}: {each.message}", each.path)
        )
        path = path.replace(":", "%3A").replace(",", "%2C")
        lines.append(f"::error file={path},title=jaxvqa check::{message}\n")
    return "".join(lines)
