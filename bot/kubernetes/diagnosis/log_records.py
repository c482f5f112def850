"""
Log records: what one entry of a log says, without the format that it is written in.

Reads the plain formats of Spring Boot and Logback, and its structured ones (ECS, Logstash, GELF, and JSON of other
encoders with similar keys). Of a stack trace only the chain of exceptions is kept: names of methods and classes in its
frames are no evidence, nor are suppressed exceptions.
"""

import dataclasses
import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any

import re2

from bot import errors
from bot.kubernetes.logs import layouts, levels

MAX_TEXT_LENGTH = 60_000
MAX_LINE_LENGTH = 2_000
_MAX_ROOT_LENGTH = 300
_MAX_DESCRIPTION_LENGTH = 300
_MAX_ANALYSIS_LINES = 24
_MAX_DEPTH = 6

_BOOT_LINE = re2.compile(
    r"^\S{8,40}(?: \S{8,20})?\s+(?P<level>TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\s+(?:\S+\s+)?--- "
    r"(?P<thread>(?:\[[^\]]*\]\s*)*)(?P<logger>\S+)\s*: ?(?P<message>.*)$"
)
_LOGBACK_LINE = re2.compile(
    r"^\S{8,40}(?: \S{8,20})? \[(?P<thread>[^\]]*)\] (?P<level>[A-Z]+)\s+(?P<logger>\S+) --? ?(?P<message>.*)$"
)
_TIME = re2.compile(r'(?P<day>\d{4}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d:\d\d)|"timestamp":\s?(?P<epoch>1\d{9})')
_MAX_TIME_OFFSET = 300
"""A structured entry may have other keys before its time."""
_FRAME_STARTS = ("at ", "... ", "|_ ")
_EXCEPTION = re2.compile(
    r"^(?P<how>Caused by: |Wrapped by: |Exception in thread \S+ )?"
    r"(?P<type>(?:[\w$]+\.)+[A-Z][\w$]*|[A-Z][\w$]*(?:Exception|Error|Throwable))(?P<said>: .*)?$"
)
_PACKAGE = re2.compile(r"^(?:[a-z]\w*\.)+(?P<name>[A-Z].*)")
_APPLICATION_KEYS = ("spring.application.name", "application.name", "application_name", "application", "appname", "app")
_NESTING = re2.compile(
    r"threw exception with message: |nested exception is |cancelling refresh attempt: "
    r"|Invocation of init method failed: |Injection of [\w ]{1,40} failed: |Constructor threw exception: "
    r"|Unsatisfied dependency expressed through [^:]{1,200}: |Failed to instantiate \[[^\]]{1,300}\]: "
    r"|Error creating bean with name '[^']{1,300}'(?: defined in [^:]{0,300}(?:jar:nested:)?[^:]{0,300}\])?: "
)
_YAML_LINE = re2.compile(r"(\n in [^\n]{1,200}, line \d+, column \d+:?\n\s*[\w.-]*)[^\n]*(?:\n\s*\^)?")
_VALUE = re2.compile(r"""(Invalid value |For input string: )(?:'[^'\n]*'|"[^"\n]*")""")
_INVALID = re2.compile(r"""(?:'[^'\n]*'|"[^"\n]*")( is not (?:a )?valid| (?:could not|cannot) be parsed)""")
_INVALID_WORDS = re2.compile(r" is not (?:a )?valid| be parsed")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One entry of a log."""

    text: str
    """Message and chain of exceptions."""
    level: levels.Level | None = None
    """None if it has none."""
    thread: str = ""
    application: str = ""
    """What the application calls itself, `spring.application.name`."""
    at: datetime.datetime | None = None
    """When it was written, in the zone of the log; None if its format of times is another."""

    @property
    def is_error(self) -> bool:
        """Return whether it was logged as an error."""
        return self.level is not None and self.level.rank >= levels.Level.ERROR.rank

    @property
    def chain(self) -> list[str]:
        """Exceptions with their messages, each in one line, the root last."""
        texts: list[str] = []
        for line in self.text.split("\n"):
            match = _EXCEPTION.match(line[:MAX_LINE_LENGTH])
            if match is not None:
                texts.append(f"{match['type']}{match['said'] or ''}")
            elif texts and line.strip():
                texts[-1] = errors.shorten(f"{texts[-1]} {line.strip()}", MAX_LINE_LENGTH)
        return texts[::-1] if "\nWrapped by: " in self.text else texts

    @property
    def root(self) -> str:
        """The root exception without its package, or the end of the message that repeats it."""
        chain = self.chain
        said = chain[-1] if chain else next((line for line in self.text.split("\n") if line.strip()), "")
        end = max((match.end() for match in _NESTING.finditer(said)), default=0)
        without_package = _PACKAGE.match(said[end:].strip())
        return errors.shorten(without_package["name"] if without_package else said[end:].strip(), _MAX_ROOT_LENGTH)

    @property
    def analysis(self) -> "Analysis | None":
        """What Spring Boot says of the failure; None unless it is Boot's own analysis."""
        _, found, rest = self.text.partition("\nDescription:\n")
        if not found or "APPLICATION FAILED TO START" not in self.text:
            return None
        description, _, action = rest.partition("\nAction:\n")
        lines = [line for line in description.split("\n") if not line.lstrip().startswith("Value: ")]
        return Analysis(description="\n".join(lines), action=action)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Spring Boot's failure analysis, without the values of properties."""

    description: str
    action: str

    @property
    def summary(self) -> str:
        """The first paragraph of the description, with the one that it announces."""
        paragraphs = [" ".join(one.split()) for one in self.description.strip().split("\n\n") if one.strip()]
        count = 2 if paragraphs and paragraphs[0].endswith(":") else 1
        return errors.shorten(" ".join(paragraphs[:count]).rstrip("."), _MAX_DESCRIPTION_LENGTH)

    @property
    def text(self) -> str:
        """Description and action as evidence."""
        return self._evidence(f"{self.description.strip()}\n{self.action.strip()}")

    @property
    def description_text(self) -> str:
        """The description as evidence, where the action is shown as advice."""
        return self._evidence(self.description.strip())

    def _evidence(self, text: str) -> str:
        lines = [line for line in text.split("\n") if line.strip()]
        return "\n".join(errors.shorten(line.rstrip(), MAX_LINE_LENGTH) for line in lines[:_MAX_ANALYSIS_LINES])


def parse(entry: str) -> Record:
    """Return the record of a log entry."""
    return dataclasses.replace(_parse(entry[:MAX_TEXT_LENGTH]), at=_time_of(entry[:_MAX_TIME_OFFSET]))


def _time_of(head: str) -> datetime.datetime | None:
    found = _TIME.search(head)
    if found is None:
        return None
    if found["epoch"]:
        return datetime.datetime.fromtimestamp(int(found["epoch"]), datetime.UTC)
    try:
        return datetime.datetime.fromisoformat(f"{found['day']}T{found['time']}+00:00")
    except ValueError:
        return None


def _parse(text: str) -> Record:
    if text.startswith("{"):
        return _of_json(text)
    header, _, rest = text.partition("\n")
    found = _BOOT_LINE.match(header[:MAX_LINE_LENGTH]) or _LOGBACK_LINE.match(header[:MAX_LINE_LENGTH])
    if found is None:
        is_logged = layouts.is_dated(header.encode())
        return Record(text=_evidence(text), level=levels.level_of(text.encode()) if is_logged else None)
    message = f"{found['message']}{header[MAX_LINE_LENGTH:]}"
    # Spring Boot 3.2 and later write [application] [thread] [correlation], each only where there is one.
    application = found["thread"].partition("]")[0].removeprefix("[").strip()
    return Record(
        text=_evidence(f"{message}\n{rest}"),
        level=levels.level_of(header.encode()),
        thread=found["thread"],
        application=application,
    )


def _of_json(line: str) -> Record:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        # A line that was too long has lost its end.
        return Record(text=_evidence(line.replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"')))
    values = dict(_flattened(document))
    message = _first(values, "message", "full_message", "short_message", "msg", "log", "event")
    traces = [value for key, value in values.items() if _is_trace(key, value)]
    trace = max(traces, key=len, default="")
    if not trace:
        kind, said = _first(values, "error.type", "_error_type"), _first(values, "error.message", "_error_message")
        trace = f"{kind}: {said}" if kind else ""
    text = message if trace and trace.strip() in message else f"{message}\n{trace}"
    thread = _first(values, "process.thread.name", "thread_name", "_process_thread_name", "thread", "threadname")
    application = _first(values, "service.name", "_service_name", *_APPLICATION_KEYS)
    return Record(text=_evidence(text), level=levels.level_of(line.encode()), thread=thread, application=application)


def _flattened(value: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    for key, one in value.items():
        name = f"{prefix}{key}".lower()
        if isinstance(one, dict) and depth < _MAX_DEPTH:
            yield from _flattened(one, f"{name}.", depth + 1)
        elif isinstance(one, list) and all(isinstance(line, str) for line in one):
            yield name, "\n".join(one)
        elif isinstance(one, (str, int)):
            yield name, str(one)


def _is_trace(key: str, value: str) -> bool:
    return "\n" in value and any(word in key for word in ("trace", "exception", "throw", "error"))


def _first(values: Mapping[str, str], *names: str) -> str:
    return next((values[name] for name in names if values.get(name)), "")


def _evidence(text: str) -> str:
    """Return *text* without stack frames, suppressed exceptions and what is no character, such as half an emoji."""
    kept, suppressed_indent = [], None
    for line in text.encode(errors="replace").decode().replace("\r", "").split("\n"):
        said = line.lstrip()
        indent = len(line) - len(said)
        if suppressed_indent is not None and (indent > suppressed_indent or not said):
            continue
        suppressed_indent = indent if indent and said.startswith("Suppressed: ") else None
        if suppressed_indent is None and not (indent and said.startswith(_FRAME_STARTS)):
            kept.append(line)
    return _without_values("\n".join(kept).rstrip())


def _without_values(text: str) -> str:
    """Return *text* without what properties and files hold, which may be secrets: of a line of YAML, only its key."""
    if "\n in " in text:
        text = _YAML_LINE.sub(r"\1", text)
    if "Invalid value " in text or "For input string: " in text:
        text = _VALUE.sub(r"\1(hidden)", text)
    return str(_INVALID.sub(r"(hidden)\1", text)) if _INVALID_WORDS.search(text) else text
