"""What lines at a terminal are asked with: a cluster that pretends, the shipped data, and a record of its own."""

import pathlib
import shutil
from collections.abc import AsyncIterator

import pytest

from sandbox import cluster, processes, runbook_folder
from tests import databases


@pytest.fixture
async def kube() -> AsyncIterator[cluster.Cluster]:
    async with cluster.running() as running:
        yield running


@pytest.fixture
def environment(kube: cluster.Cluster, tmp_path: pathlib.Path) -> dict[str, str]:
    shutil.copytree(runbook_folder.PROJECT / "runbook_data", tmp_path / "runbook_data")
    databases.fill(f"sqlite:///{tmp_path}/posbot.db")
    return {
        **processes.plain_environment(tmp_path),
        "POSBOT_RUNBOOK_DATA": str(tmp_path / "runbook_data"),
        "DATABASE_URL": f"sqlite:///{tmp_path}/posbot.db",
        "KUBECONFIG": str(kube.kubeconfig(tmp_path / "kubeconfig")),
    }
