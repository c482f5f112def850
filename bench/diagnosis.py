"""What `diagnose` says of failed starts whose causes are known: recorded ones, and cases as people report them."""

import collections
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from bench import results
from bot import runbook_data
from bot.config import catalog
from bot.kubernetes.diagnosis import bare_log, dump
from bot.model import reports

TESTS = pathlib.Path(__file__).parent.parent / "tests"
CASES, CORPUS = TESTS / "cases" / "failed-starts", TESTS / "corpus"
OUTCOMES = ("right", "partly", "wrong", "unknown", "wrong and certain")
SERVICE, NAMESPACE = "pos-order", "positivity"
_GROUPS = {"c": "cases: log", "p": "cases: cluster"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One failed start: a folder with a dump, or a bare log; and what is expected of its diagnosis."""

    group: str
    name: str
    path: pathlib.Path
    expected: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """A case with its outcome, one of OUTCOMES, and the words that decided it."""

    case: Case
    outcome: str
    headline: str
    missing: tuple[str, ...]


async def run() -> results.Results:
    """Return how many diagnoses of each group are right, and those that are not."""
    diagnoses = await diagnose_all(load())
    groups = dict.fromkeys(one.case.group for one in diagnoses)
    rows = [_row(group, [one for one in diagnoses if one.case.group == group]) for group in groups]
    table = results.table(("group", "right, goal 95 %", *OUTCOMES), rows)
    failed = [one for one in diagnoses if one.outcome != "right"]
    listed = tuple(f"- {one.outcome}: {one.case.name}, lacks {one.missing}: {one.headline}" for one in failed)
    return results.Results(tables=(tuple(table), listed) if listed else (tuple(table),))


def load() -> list[Case]:
    """Return all cases, those of the corpus first."""
    cases = []
    for folder in sorted(CORPUS.glob("*/")):
        expected = yaml.safe_load((CORPUS / "expect.yaml").read_text())
        cases += [
            Case(group=f"corpus: {folder.name}", name=log.stem, path=log, expected=expected[log.stem])
            for log in sorted(folder.glob("*.log"))
        ]
    for folder in sorted(path.parent for path in CASES.glob("*/expect.yaml")):
        expected = yaml.safe_load((folder / "expect.yaml").read_text())
        cases.append(Case(group=_GROUPS[folder.name[0]], name=folder.name, path=folder, expected=expected))
    return cases


async def diagnose_all(cases: Sequence[Case]) -> list[Diagnosis]:
    """Return the diagnosis of each case."""
    data = runbook_data.load(TESTS.parent / "runbook_data")
    service = data.catalog.find(SERVICE)
    return [_judge(case, await _report(case, service, data)) for case in cases]


async def _report(case: Case, service: catalog.Service, data: runbook_data.RunbookData) -> reports.Report:
    if case.path.is_dir():
        return await dump.diagnose(service, case.path, NAMESPACE, data.diagnosis_rules, data.runbook.point_to)
    log = await bare_log.read(case.path)
    return bare_log.diagnose(service, case.path, log, data.diagnosis_rules, data.runbook.point_to)


def _judge(case: Case, report: reports.Report) -> Diagnosis:
    expected, certainty = case.expected, report.facts["certainty"]
    headline = report.headline.lower()
    said = f"{headline}\n{_first_cause(report).lower()}"
    in_headline, anywhere = expected.get("headline") or [], expected.get("says") or []
    missing = [word for word in in_headline if word.lower() not in headline]
    missing += [word for word in anywhere if word.lower() not in said]
    excess = [word for word in expected.get("not") or [] if word.lower() in said]
    excess += [word for word in expected.get("not_headline") or [] if word.lower() in headline]
    is_certain_enough = expected.get("certainty") in (None, certainty)
    wanted = len(in_headline) + len(anywhere)
    if not missing and not excess and is_certain_enough:
        outcome = "right"
    elif report.facts["cause"] is None:
        outcome = "unknown"
    elif not excess and len(missing) * 2 <= wanted:
        outcome = "partly"
    else:
        outcome = "wrong and certain" if certainty == "certain" else "wrong"
    extra = tuple(f"not {word}" for word in excess) + (() if is_certain_enough else (f"certainty {certainty}",))
    return Diagnosis(case=case, outcome=outcome, headline=report.headline, missing=(*missing, *extra))


def _first_cause(report: reports.Report) -> str:
    """Return the text of the first cause with its evidence: the fields that begin the report, and the code below."""
    texts = [_text(section) for section in report.sections[:2]]
    return "\n".join(texts) if report.facts["cause"] else ""


def _text(section: reports.Section) -> str:
    if isinstance(section, reports.Fields):
        return "\n".join(f"{name}: {value}" for name, value in section.pairs)
    return section.text if isinstance(section, (reports.Code, reports.Text)) else ""


def _row(group: str, diagnoses: Sequence[Diagnosis]) -> results.Row:
    counts = collections.Counter(one.outcome for one in diagnoses)
    share = f"{counts['right'] / len(diagnoses):.0%} of {len(diagnoses)}"
    return (group, share, *(str(counts[outcome]) for outcome in OUTCOMES))
