"""What `diagnose` says of failed starts that people reported, and of recorded ones."""

import pytest

from bench import diagnosis

pytestmark = pytest.mark.anyio


async def test_failed_starts_are_told_right() -> None:
    cases = diagnosis.load()

    diagnoses = await diagnosis.diagnose_all(cases)

    wrong = [f"{one.case.name}: {one.headline} lacks {one.missing}" for one in diagnoses if one.outcome != "right"]
    assert len(cases) >= 62
    assert len(wrong) <= len(cases) // 20, "\n".join(wrong)


async def test_no_failed_start_is_told_wrong_and_certain() -> None:
    diagnoses = await diagnosis.diagnose_all(diagnosis.load())

    assert [one.case.name for one in diagnoses if one.outcome == "wrong and certain"] == []
