"""The way of one request stays short enough to be read."""

import re
import subprocess
import sys

import pytest

from bench import request_path
from sandbox import runbook_folder


@pytest.mark.slow
def test_health_request_runs_through_few_modules() -> None:
    counted = subprocess.run(
        [sys.executable, "-m", "bench", "request-path"],
        cwd=runbook_folder.PROJECT,
        capture_output=True,
        text=True,
        timeout=55,
        check=True,
    )

    (modules,) = re.findall(r"functions of (\d+) modules", counted.stdout)
    assert int(modules) <= request_path.MAX_MODULES, counted.stdout
