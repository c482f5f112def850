"""What `diagnose` says of failed starts that people reported, and of recorded ones."""

import asyncio

import pytest

from bench import diagnosis


@pytest.fixture(scope="module")
def diagnoses() -> list[diagnosis.Diagnosis]:
    return asyncio.run(diagnosis.diagnose_all(diagnosis.load()))


def test_failed_starts_are_told_right(diagnoses: list[diagnosis.Diagnosis]) -> None:
    wrong = [f"{one.case.name}: {one.headline} lacks {one.missing}" for one in diagnoses if one.outcome != "right"]

    assert len(diagnoses) >= 62
    assert len(wrong) <= len(diagnoses) // 20, "\n".join(wrong)


def test_no_failed_start_is_told_wrong_and_certain(diagnoses: list[diagnosis.Diagnosis]) -> None:
    assert [one.case.name for one in diagnoses if one.outcome == "wrong and certain"] == []
