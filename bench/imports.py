"""Where the time of starting goes: which packages each verb imports, by `python -X importtime`."""

import asyncio
import collections
import dataclasses
import pathlib
import statistics
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence

from bench import results
from sandbox import processes, runbook_folder

RUNS = 3
TOP = 12
_OWN = ("bot", "commands")
_VERBS: Mapping[str, Sequence[str]] = {
    "posbot --help": ("-m", "bot", "--help"),
    "posbot version": ("-m", "bot", "version"),
    "posbot serve": ("-c", "import bot.__main__, bot.serve"),
}
"""`serve` by what it imports: it would otherwise have to be ended, and imports nothing else before it listens."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Import:
    """One line of the report: a module, its own time, and that of all it imported."""

    module: str
    depth: int
    own_seconds: float
    cumulative_seconds: float

    @property
    def package(self) -> str:
        return self.module.partition(".")[0]


async def run() -> results.Results:
    """Return for each verb the packages that cost most."""
    tables = []
    with tempfile.TemporaryDirectory(prefix="posbot-bench-") as folder:
        for verb, words in _VERBS.items():
            results.log(f"imports: {verb}")
            reports = [await _report(pathlib.Path(folder), words) for _ in range(RUNS + 1)]
            tables.append(tuple(_table(verb, reports[1:])))
    remark = (
        "own: the package's modules alone. With what it brings: also what they were the first to import, the standard"
        f" library included. Medians of {RUNS} runs; -X importtime itself makes everything about a third slower."
    )
    return results.Results(tables=tuple(tables), remarks=(remark,))


async def _report(home: pathlib.Path, words: Sequence[str]) -> list[_Import]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-X",
        "importtime",
        *words,
        env=processes.plain_environment(home),
        cwd=runbook_folder.PROJECT,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, report = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}")
    return [
        _parse(line) for line in report.decode().splitlines() if line.startswith("import time:") and "[us]" not in line
    ]


def _parse(line: str) -> _Import:
    own, cumulative, name = line.removeprefix("import time:").split("|")
    module = name.strip()
    return _Import(
        module=module,
        # Two spaces for each import that this one happened within; the first of them only sets the column off.
        depth=(len(name) - len(name.lstrip())) // 2,
        own_seconds=int(own) / 1e6,
        cumulative_seconds=int(cumulative) / 1e6,
    )


def _table(verb: str, reports: Sequence[Sequence[_Import]]) -> list[str]:
    owns, broughts = [_own(report) for report in reports], [_brought(report) for report in reports]
    packages = {package for own in owns for package in own if _is_vendor(package)}
    median_own = {package: statistics.median(own.get(package, 0.0) for own in owns) for package in packages}
    median_brought = {package: statistics.median(one.get(package, 0.0) for one in broughts) for package in packages}
    dearest = sorted(packages, key=lambda package: -median_brought[package])[:TOP]
    rows = [(package, _written(median_own[package]), _written(median_brought[package])) for package in dearest]
    everything = statistics.median(sum(own.values()) for own in owns)
    ours = statistics.median(sum(own.get(package, 0.0) for package in _OWN) for own in owns)
    rows += [("(bot and commands)", _written(ours), ""), ("(all imports)", _written(everything), _written(everything))]
    return results.table((verb, "own", "with what it brings"), rows)


def _own(report: Iterable[_Import]) -> dict[str, float]:
    seconds: dict[str, float] = collections.defaultdict(float)
    for one in report:
        seconds[one.package] += one.own_seconds
    return seconds


def _brought(report: Sequence[_Import]) -> dict[str, float]:
    """Return for each package the cumulative time of its modules that no other module of it imported."""
    seconds: dict[str, float] = collections.defaultdict(float)
    within: list[_Import] = []
    # The report tells a module after everything that it imported, so backwards the importer comes first.
    for one in reversed(report):
        while within and within[-1].depth >= one.depth:
            within.pop()
        if all(outer.package != one.package for outer in within):
            seconds[one.package] += one.cumulative_seconds
        within.append(one)
    return seconds


def _is_vendor(package: str) -> bool:
    return package not in sys.stdlib_module_names and package not in _OWN and not package.startswith(("_", "__"))


def _written(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
