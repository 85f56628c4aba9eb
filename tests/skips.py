"""Names every skipped test at the end of a run, and with `--complete` fails a run that skipped what it should run."""

from collections import defaultdict

import pytest

OUTSIDE = "outside of a clone: "  # begins the reasons for which a complete run, too, may skip a test


def pytest_addoption(parser):
    parser.addoption(
        "--complete", action="store_true", help="fail if a test was skipped that needs nothing outside of a clone"
    )


def skipped(config):
    """The ids of skipped tests, or of files that were skipped whole, by their reason."""
    reasons = defaultdict(list)
    for report in config.pluginmanager.get_plugin("terminalreporter").stats.get("skipped", []):
        reasons[report.longrepr[2].removeprefix("Skipped: ")].append(report.nodeid)
    return reasons


def pytest_sessionfinish(session, exitstatus):
    if hasattr(session.config, "workerinput"):  # a process of pytest-xdist's: the one that started it counts
        return
    missed = [reason for reason in skipped(session.config) if not reason.startswith(OUTSIDE)]
    if session.config.getoption("complete") and missed and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    reasons = skipped(config)
    if not reasons:
        return
    terminalreporter.section(f"{sum(map(len, reasons.values()))} skipped")
    for reason, tests in sorted(reasons.items()):
        wrong = config.getoption("complete") and not reason.startswith(OUTSIDE)
        terminalreporter.line(f"{'FAILED, a complete run needs these: ' if wrong else ''}{reason} ({len(tests)})")
        for test in tests:
            terminalreporter.line(f"  {test}")
