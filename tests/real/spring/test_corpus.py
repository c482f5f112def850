"""Real failing starts still print what `tests/corpus` holds, each in one of its formats."""

import pytest

from tests.real.spring import normalization, record, recorder, starts

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(900)]

AGAIN = {
    "3.2": (
        ("bean-missing", "boot-3.2-plain"),
        ("bean-circle", "boot-3.2-ansi"),
        ("no-web-server", "boot-3.2-plain"),
        ("no-main-manifest", "boot-3.2-plain"),
        ("database-driver-of-another", "boot-3.2-ansi"),
        ("database-login", "boot-3.2-plain"),
        ("flyway-checksum", "boot-3.2-plain"),
    ),
    "3.5": (
        ("binding-blank", "boot-3.5-ecs"),
        ("placeholder", "boot-3.5-logstash"),
        ("port-taken", "boot-3.5-gelf"),
        ("method-missing", "boot-3.5-ecs"),
        ("runner-failed", "boot-3.5-plain"),
        ("database-refused", "boot-3.5-logstash"),
        ("redis-login", "boot-3.5-plain"),
    ),
}


@pytest.mark.parametrize("boot", AGAIN)
def test_recorded_starts_still_print_the_same(boot: str) -> None:
    differences = {}
    with recorder.running() as machine:
        for name, form in AGAIN[boot]:
            again = normalization.comparable(machine.record(starts.STARTS[name], starts.FORMATS[form]))
            committed = normalization.comparable(record.log_of(name, form).read_text())
            if again != committed:
                differences[f"{form}/{name}"] = {"new": again - committed, "missing": committed - again}

    assert differences == {}
