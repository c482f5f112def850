"""
Record `tests/corpus` anew: `make record`, or `make record NAMES="bean-missing 3.5"` for a part.

Needs a JDK 21 or later and a Java 17, Maven and PostgreSQL; takes about half an hour. Exits with 1 if a start did not
fail as it should.
"""

import itertools
import pathlib
import sys
import time
from collections.abc import Collection

from tests.real.spring import recorder, starts

CORPUS = pathlib.Path(__file__).parents[2] / "corpus"


def log_of(name: str, form: str) -> pathlib.Path:
    """Return the path of a recorded log."""
    return CORPUS / form / f"{name}.log"


def main(arguments: Collection[str]) -> int:
    """Record the starts and versions that are named, such as `bean-missing 3.5`, or all; return the exit code."""
    names = set(arguments) & starts.STARTS.keys() or starts.STARTS.keys()
    versions = sorted({form.boot for form in starts.FORMATS.values()})
    failed = 0
    with recorder.running() as machine:
        for name, boot in itertools.product(starts.STARTS, versions):
            is_asked_for = name in names and (boot in arguments or set(arguments).isdisjoint(versions))
            if not is_asked_for or starts.STARTS[name].boot not in {"", boot}:
                continue
            started = time.monotonic()
            try:
                logs = machine.record_all(starts.STARTS[name], boot)
            except (RuntimeError, ValueError) as exc:
                failed += 1
                print(f"{name}, Spring Boot {boot}: {exc}", file=sys.stderr)  # noqa: T201 - a program
                continue
            for form, log in logs.items():
                log_of(name, form).parent.mkdir(parents=True, exist_ok=True)
                log_of(name, form).write_text(log)
            longest = max(map(len, logs.values()))
            print(f"{name}, Spring Boot {boot}: {longest:,} characters, {time.monotonic() - started:.1f} s", flush=True)  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
