"""The rules for Prometheus, by promtool (Debian's package prometheus): they load, fire, and depend on their guards."""

import pathlib
import shutil
import subprocess

import pytest
import yaml

from sandbox import runbook_folder

pytestmark = pytest.mark.real

RULES = runbook_folder.PROJECT / "runbook_data" / "prometheus"


@pytest.fixture
def copy(tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy of the rules to change."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed; install it with: apt-get install prometheus")
    return pathlib.Path(shutil.copytree(RULES, tmp_path / "prometheus"))


def promtool(folder: pathlib.Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=55)


def test_alerts_fire_for_what_they_name_and_for_nothing_else(copy: pathlib.Path) -> None:
    tested = promtool(copy, "test", "rules", "alerts_test.yml")

    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize(
    ("file", "guard", "without"),
    [
        pytest.param("recording.yml", 'uri!~"/actuator.*",status', "status", id="failed probes are no errors"),
        pytest.param("recording.yml", "or 0 * service:http_server_requests:rate5m", "", id="never failed is 0"),
        pytest.param("recording.yml", "(environment, service, le)", "(environment, le)", id="latency of each service"),
        pytest.param("recording.yml", 'bucket{uri!~"/actuator.*"}', "bucket", id="probes do not hide latency"),
        pytest.param("alerts.yml", "and service:http_server_requests:rate5m * 300 > 20", "", id="few requests"),
        pytest.param("alerts.yml", "[1h]) * 3600 > 200", "[1h]) * 3600 > 0", id="few requests in an hour"),
        pytest.param("alerts.yml", "and slo:sli_error:ratio_rate5m > 14.4 * 0.001", "", id="short window"),
        pytest.param(
            "alerts.yml", 'jvm_memory_max_bytes{area="heap"} > 0', 'jvm_memory_max_bytes{area="heap"}', id="-1"
        ),
        pytest.param("alerts.yml", 'jvm_memory_used_bytes{area="heap"}', "jvm_memory_used_bytes", id="heap only"),
        pytest.param("alerts.yml", "for: 10m", "for: 1m", id="full after collections, too"),
        pytest.param(
            "alerts.yml", "(hikaricp_connections_pending) > 0", "(hikaricp_connections_pending) >= 0", id="pool"
        ),
        pytest.param("alerts.yml", 'up{service!=""}', "up", id="targets of services only"),
        pytest.param("alerts.yml", "[1h]))\n", "[1m]))\n", id="services that are gone"),
    ],
)
def test_without_a_guard_the_tests_of_the_rules_fail(copy: pathlib.Path, file: str, guard: str, without: str) -> None:
    rules = (copy / file).read_text()
    assert guard in rules
    (copy / file).write_text(rules.replace(guard, without))
    assert promtool(copy, "check", "rules", file).returncode == 0

    assert promtool(copy, "test", "rules", "alerts_test.yml").returncode == 1


def test_scrape_configuration_is_valid(copy: pathlib.Path) -> None:
    # Debian builds Prometheus without the discovery of Kubernetes' pods, so that part is not looked at.
    configuration = yaml.safe_load((copy / "scrape.yml").read_text())
    for job in configuration["scrape_configs"]:
        del job["kubernetes_sd_configs"]
    (copy / "scrape.yml").write_text(yaml.safe_dump(configuration))

    checked = promtool(copy, "check", "config", "scrape.yml")

    assert checked.returncode == 0, checked.stdout + checked.stderr
