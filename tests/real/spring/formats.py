"""
One start in several formats.

Logback writes each event to the console as ECS and to files in the other formats (`formats.xml`), all by Spring Boot's
own encoders. What the console has besides, such as the JVM's warnings, stays where it is.
"""

import pathlib
import re

FILES = ("plain", "logstash", "gelf")
_ENTRY = re.compile(r"^(?=20\d\d-\d\d-\d\dT\d\d:)", re.MULTILINE)
_BANNER = re.compile(r"\A\n  \.   ____ .*? :: Spring Boot :: [^\n]*\n\n", re.DOTALL)


def of_console(console: str, folder: pathlib.Path) -> dict[str, str]:
    """
    Return the log of a start in each format, by its name.

    Raises:
        ValueError: the files do not hold the events of the console.
    """
    logs = {"ecs": _BANNER.sub("", console)}
    for name in FILES:
        text = (folder / name).read_text()
        records = _ENTRY.split(text)[1:] if name == "plain" else text.splitlines(keepends=True)
        replaced = _replace(console, records)
        logs[name] = replaced if name == "plain" else _BANNER.sub("", replaced)
    return logs


def _replace(console: str, records: list[str]) -> str:
    """Return *console* with its JSON lines replaced, which structured logs have no banner before."""
    lines = console.splitlines(keepends=True)
    events = [index for index, line in enumerate(lines) if line.startswith("{")]
    if len(events) != len(records):
        raise ValueError(f"{len(events)} events on the console, {len(records)} in a file")
    for index, record in zip(events, records, strict=True):
        lines[index] = record
    return "".join(lines)
