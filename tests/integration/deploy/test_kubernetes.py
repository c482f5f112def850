"""What the manifests say, held against the code and the data that they have to fit."""

import ipaddress
import pathlib
import shutil

import pydantic
import pytest
import yaml

from bot import runbook_data, serve
from bot.config import settings as config_settings
from bot.slack.inbound import listeners
from bot.slack.outbound import spool
from tests.integration.deploy import manifests

DATA = manifests.FOLDER.parent / "runbook_data"
MARGIN_SECONDS = 2


def ports_of(rule: dict[str, list[dict[str, object]]]) -> set[object]:
    return {port["port"] for port in rule["ports"]}


def test_role_is_read_only_and_excludes_secrets() -> None:
    assert {verb for _, _, verb in manifests.rights()} <= {"get", "list", "watch"}
    assert {resource for _, resource, _ in manifests.rights()} == {
        "pods",
        "pods/log",
        "events",
        "deployments",
        "replicasets",
    }
    assert "*" not in str(manifests.rules())


def test_role_binds_the_pod_account_in_the_service_namespace() -> None:
    binding = manifests.one("RoleBinding")

    assert manifests.one("Role")["metadata"]["namespace"] == binding["metadata"]["namespace"] == manifests.SERVICES
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": manifests.pod()["serviceAccountName"], "namespace": manifests.NAMESPACE}
    ]
    assert manifests.one("ServiceAccount")["metadata"]["name"] == manifests.pod()["serviceAccountName"]


def test_project_contains_no_secret() -> None:
    assert not [path for path in manifests.KUBERNETES.rglob("*.yaml") if "kind: Secret" in path.read_text()]


def test_every_variable_of_the_pod_is_a_setting() -> None:
    overlay = yaml.safe_load((manifests.POSTGRESQL / "deployment.yaml").read_text())
    [container] = overlay["spec"]["template"]["spec"]["containers"]
    given = {variable["name"] for variable in (*manifests.container()["env"], *container["env"])}

    fields = config_settings.Settings.model_fields
    assert given <= {str(field.validation_alias or name.upper()) for name, field in fields.items()}
    assert "DATABASE_URL" not in {variable["name"] for variable in manifests.container()["env"]}


@pytest.mark.parametrize("pre_stop_seconds", [0, 5])
def test_grace_period_exceeds_the_shutdown_timeout(pre_stop_seconds: int) -> None:
    settings = config_settings.Settings()
    longest = settings.drain_seconds + listeners.SHUTDOWN_GRACE_SECONDS + 2 * serve._CLOSING_SECONDS

    assert longest <= 21
    assert pre_stop_seconds + longest + MARGIN_SECONDS <= manifests.pod()["terminationGracePeriodSeconds"]


def test_probes_request_served_paths() -> None:
    container = manifests.container()
    [port] = container["ports"]

    assert port == {"name": "http", "containerPort": config_settings.Settings().port}
    assert [container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")] == [
        "/healthz",
        "/healthz",
        "/readyz",
    ]


def test_container_can_write_only_to_its_volumes() -> None:
    own, pod = manifests.container()["securityContext"], manifests.pod()["securityContext"]

    assert own == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert (pod["runAsNonRoot"], pod["seccompProfile"]) == (True, {"type": "RuntimeDefault"})
    assert {mount["mountPath"] for mount in manifests.container()["volumeMounts"] if not mount.get("readOnly")} == {
        "/var/lib/posbot",
        "/tmp",  # noqa: S108 - a mount in the pod
    }


def test_bounds_of_posbot_fit_the_limits_of_the_pod() -> None:
    limits = manifests.container()["resources"]["limits"]
    [size] = [volume["emptyDir"]["sizeLimit"] for volume in manifests.pod()["volumes"] if volume["name"] == "tmp"]

    assert limits["memory"] == "512Mi"
    assert size == "2Gi"
    assert spool.MAX_TOTAL_BYTES < 2**31 / 2
    assert manifests.one("PersistentVolumeClaim")["spec"]["resources"]["requests"]["storage"] == "1Gi"
    assert config_settings.Settings.model_fields["database_max_mb"].default * 1_000_000 < 0.75 * 2**30


def test_network_policy_admits_only_the_http_port() -> None:
    policy = manifests.one("NetworkPolicy")["spec"]

    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert len(policy["ingress"]) == 2
    for rule in policy["ingress"]:
        assert rule["ports"] == [{"protocol": "TCP", "port": "http"}]
        (peer,) = rule["from"]
        assert set(peer) == {"namespaceSelector", "podSelector"}
        assert all(selector["matchLabels"] for selector in peer.values())


def test_database_is_reached_at_private_addresses_only() -> None:
    (patch,) = yaml.safe_load((manifests.POSTGRESQL / "network-policy.yaml").read_text())

    peers = [ipaddress.ip_network(peer["ipBlock"]["cidr"]) for peer in patch["value"]["to"]]
    assert ports_of(patch["value"]) == {5432}
    assert peers and all(not peer.is_global for peer in peers)


def test_ephemeral_storage_has_a_limit_that_covers_the_volumes() -> None:
    resources = manifests.container()["resources"]
    gib, mib = 1_024, 1
    units = {"Gi": gib, "Mi": mib}

    def mebibytes(quantity: str) -> int:
        return int(quantity[:-2]) * units[quantity[-2:]]

    volumes = [volume["emptyDir"]["sizeLimit"] for volume in manifests.pod()["volumes"] if "emptyDir" in volume]
    limit = mebibytes(resources["limits"]["ephemeral-storage"])
    assert 0 < mebibytes(resources["requests"]["ephemeral-storage"]) <= limit
    assert sum(map(mebibytes, volumes)) < limit


def test_network_policy_allows_every_service_of_the_catalog() -> None:
    catalogue = yaml.safe_load((DATA / "services.yaml").read_text())
    names, everywhere, services = manifests.one("NetworkPolicy")["spec"]["egress"]

    assert ports_of(names) == {53}
    assert ports_of(everywhere) == {443, 6443}
    assert services["to"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": manifests.SERVICES}}}
    ]
    assert ports_of(services) == {service["port"] for service in catalogue["services"] if "port" in service}


def test_environments_of_the_pod_are_valid_and_reachable(tmp_path: pathlib.Path) -> None:
    shutil.copytree(DATA, tmp_path, dirs_exist_ok=True)
    shutil.copy(manifests.KUBERNETES / "base" / "environments.yaml", tmp_path)
    data = runbook_data.load(tmp_path)
    environment = data.environments.find(data.environments.default)
    doors = ports_of(manifests.one("NetworkPolicy")["spec"]["egress"][2])

    urls = [pydantic.AnyUrl(url) for url in (environment.gateway_url, environment.eureka_url) if url]
    assert environment.kube_context is None
    assert environment.namespace == manifests.SERVICES
    assert len(urls) == 2 and {url.port for url in urls} <= doors
    assert all(str(url.host).endswith(f".{manifests.SERVICES}.svc.cluster.local") for url in urls)


def test_sqlite_has_one_replica_and_postgresql_two_within_slacks_limit() -> None:
    base = manifests.one("Deployment")["spec"]
    overlay = yaml.safe_load((manifests.POSTGRESQL / "deployment.yaml").read_text())["spec"]
    most = overlay["replicas"] + overlay["strategy"]["rollingUpdate"]["maxSurge"]

    assert (base["replicas"], base["strategy"]) == (1, {"type": "Recreate"})
    assert overlay["replicas"] == 2
    assert most * config_settings.Settings().socket_connections <= 10
