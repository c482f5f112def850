"""
Every pattern of posbot takes time in proportion to the text that it is applied to.

Where a text is foreign the pattern is RE2's, which is linear by construction and leaves the interpreter to others while
it searches. `re` is for bounded texts; BOUNDS says how long they are, and each pattern is fed hostile texts of that
length, made from its own repetitions. Times are CPU times of this thread, and only their growth is judged.
"""

import importlib
import pathlib
import pkgutil
import re
import time
from collections.abc import Iterator
from re import _constants as constants  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest
import re2

import bot
import commands

LINE = 64_000
"""Bytes of a line of a log; a longer one is truncated."""
BOUNDS = {
    "bot.config.compose": 5_000,  # a value of a compose file, which is no longer than a line that people write
    "bot.config.route_drift": 20_000,
    "bot.config.routes": 2_000,  # gateway.MAX_TEXT_LENGTH
    "bot.config.roles": 5_000,
    "bot.config.spring_settings": 20_000,
    "bot.config.yaml_comments": 5_000,  # a line of a file that operators edit
    "bot.config.yaml_files": 5_000,  # a message of pydantic, a plain word of YAML
    "bot.config.yaml_numbers": 40,  # its own limit
    "bot.dispatch.chat_text": 10_000,  # Slack's limit of a message is 40,000 characters, of a command 4,000
    "bot.dispatch.parser": 2_000,
    "bot.dispatch.secret_names": LINE,
    "bot.dispatch.secret_values": LINE,
    "bot.generate": 100_000,  # README.md
    "bot.kubernetes.diagnosis.archive": 2_000,
    "bot.kubernetes.diagnosis.dump": LINE,
    "bot.kubernetes.diagnosis.java": 5_000,
    "bot.kubernetes.logs.layouts": LINE,
    "bot.kubernetes.logs.levels": LINE,
    "bot.kubernetes.logs.parser": LINE,
    "bot.kubernetes.logs.tail_buffer": LINE,
    "bot.model.characters": LINE,  # its own pieces
    "bot.model.durations": 100,
    "bot.procedures.definition.references": 1_000,
    "bot.procedures.definition.templates": 5_000,
    "bot.procedures.instructions": 5_000,
    "bot.rollouts.checks": 1_000,
    "bot.rollouts.sections": 1_000,
    "bot.runbook.markdown": 20_000,
    "bot.runbook.search": 5_000,
    "bot.runbook.sections": 2_000,
    "bot.slack.client.api": 5_000,  # an id, an error of Slack
    "bot.slack.inbound.payloads": 10_000,
    "bot.slack.inbound.signed_http": 8_190,  # a header; aiohttp refuses longer ones
    "commands.logs": 100,
    "commands.runbook": 100,
}
"""Module → the most characters that its patterns of `re` are applied to."""
MATCHED = frozenset({"bot.kubernetes.logs.layouts", "bot.kubernetes.logs.levels", "bot.config.yaml_files"})
"""Modules that try their patterns only at the beginning of a text."""
GROWTH = 4
MAX_RATIO = 2.5 * GROWTH
"""Linear time grows fourfold with a fourfold text, quadratic time sixteenfold; the machine may be busy."""
WORTH_MEASURING_SECONDS = 0.004


def modules() -> Iterator[Any]:
    for package in (bot, commands):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not info.name.endswith((".__main__", ".env")):
                yield importlib.import_module(info.name)


def patterns_in(value: object, depth: int = 0) -> Iterator[Any]:
    if isinstance(value, (re.Pattern, re2._Regexp)):
        yield value
    elif depth < 3 and isinstance(value, dict):
        yield from (one for inner in value.values() for one in patterns_in(inner, depth + 1))
    elif depth < 3 and isinstance(value, (tuple, list, frozenset)):
        yield from (one for inner in value for one in patterns_in(inner, depth + 1))


def all_patterns() -> dict[Any, str]:
    """Return each pattern with the name of the module that holds it."""
    found: dict[Any, str] = {}
    for module in modules():
        for name, value in vars(module).items():
            if not name.startswith("__"):
                for pattern in patterns_in(value):
                    found.setdefault(pattern, module.__name__)
    return found


def sample(nodes: Any) -> str:
    """Return a short text that the parsed pattern *nodes* match, or nearly."""
    return "".join(_sample(operation, argument) for operation, argument in nodes)


def _sample(operation: Any, argument: Any) -> str:
    match operation:
        case constants.LITERAL:
            return chr(argument)
        case constants.NOT_LITERAL | constants.ANY:
            return "a" if argument != ord("a") else "b"
        case constants.IN:
            return _one_of(argument)
        case constants.MAX_REPEAT | constants.MIN_REPEAT | constants.POSSESSIVE_REPEAT:
            return sample(argument[2]) * max(argument[0], 1)
        case constants.SUBPATTERN:
            return sample(argument[3])
        case constants.BRANCH:
            return sample(argument[1][0])
    return ""


def _one_of(items: Any) -> str:
    is_negated = items[0][0] is constants.NEGATE
    candidates = ("a", "A", "1", " ", "-", ".", "~", "\x01", "\u00e9")
    for operation, argument in items:
        if is_negated:
            break
        if operation is constants.LITERAL:
            return chr(argument)
        if operation is constants.RANGE:
            return chr(argument[0])
    excluded = {argument for operation, argument in items if operation is constants.LITERAL}
    return next(one for one in candidates if ord(one) not in excluded)


def pumps(nodes: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """Yield what stands before each repetition of the parsed pattern *nodes*, and what it repeats."""
    for operation, argument in nodes:
        if operation in (constants.MAX_REPEAT, constants.MIN_REPEAT, constants.POSSESSIVE_REPEAT):
            yield before, sample(argument[2])
            yield from pumps(argument[2], before)
        elif operation is constants.SUBPATTERN:
            yield from pumps(argument[3], before)
        elif operation is constants.BRANCH:
            for branch in argument[1]:
                yield before, sample(branch)
                yield from pumps(branch, before)
        before += _sample(operation, argument)


def attacks(pattern: Any) -> list[tuple[str, str]]:
    """Return prefixes and what to repeat behind them, so that *pattern* nearly matches again and again."""
    source = pattern.pattern
    text = source.decode("latin-1") if isinstance(source, bytes) else source
    whole = sample(parser.parse(text, getattr(pattern, "flags", 0)))
    found = [("", whole[:-1]), ("", whole[: len(whole) // 2 + 1]), ("", "a"), ("", "a."), ("", " "), ("", "<")]
    return [(before, unit) for before, unit in {*found, *pumps(parser.parse(text))} if unit]


def seconds(pattern: Any, text: str, *, at_start: bool) -> float:
    """Return the least CPU time of some searches in *text*."""
    subject: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
    search = pattern.match if at_start else pattern.search
    times = []
    for _ in range(3):
        started = time.thread_time()
        search(subject)
        times.append(time.thread_time() - started)
        if times[-1] < WORTH_MEASURING_SECONDS:
            break
    return min(times)


def test_every_pattern_of_re_has_a_bound() -> None:
    unbounded = {
        module for pattern, module in all_patterns().items() if isinstance(pattern, re.Pattern) and module not in BOUNDS
    }

    assert unbounded == set()


@pytest.mark.parametrize("module", BOUNDS)
def test_time_of_patterns_grows_with_the_text(module: str) -> None:
    patterns = [one for one, name in PATTERNS.items() if name == module and isinstance(one, re.Pattern)]
    too_slow = []
    for pattern in patterns:
        for before, unit in attacks(pattern):
            long = f"{before}{unit * (BOUNDS[module] // len(unit))}\x00"
            taken = seconds(pattern, long, at_start=module in MATCHED)
            if taken > WORTH_MEASURING_SECONDS:
                short = seconds(pattern, long[: len(long) // GROWTH], at_start=module in MATCHED)
                if taken > MAX_RATIO * short:
                    too_slow.append((pattern.pattern, unit, taken, short))

    assert patterns
    assert too_slow == []


@pytest.mark.slow
def test_time_of_patterns_of_re2_grows_with_the_text() -> None:
    units = ("a", "a.", " ", "=", '"', "password", 'token="', "-----BEGIN ", "<a ", "eyJ-", "Error: ", "\n", "1:")
    too_slow = []
    for pattern in (one for one in PATTERNS if isinstance(one, re2._Regexp)):
        for unit in units:
            long = unit * (LINE // len(unit))
            taken = seconds(pattern, long, at_start=False)
            if taken > 5 * WORTH_MEASURING_SECONDS:
                short = seconds(pattern, long[: len(long) // GROWTH], at_start=False)
                if taken > MAX_RATIO * short:
                    too_slow.append((pattern.pattern, unit, taken, short))

    assert too_slow == []


def test_patterns_are_compiled_where_this_test_finds_them() -> None:
    inline = re.compile(r"\bre2?\.(?:sub|subn|search|match|fullmatch|split|findall|finditer)\(")
    sources = [*pathlib.Path("bot").rglob("*.py"), *pathlib.Path("commands").rglob("*.py")]

    assert [str(path) for path in sources if inline.search(path.read_text(encoding="utf-8"))] == []


PATTERNS = all_patterns()
