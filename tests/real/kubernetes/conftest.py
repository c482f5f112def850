"""
One real cluster for each module of tests, and a namespace of its own for each test.
"""

import itertools
from collections.abc import AsyncIterator

import pytest

from tests.real.kubernetes import control_plane
from tests.real.kubernetes.control_plane import ControlPlane

_counter = itertools.count(1)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    async with control_plane.running(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
async def cluster(shared_cluster: ControlPlane) -> ControlPlane:
    """
    The one cluster of this module, with its kubelet back at work if a test has stopped it.
    """
    await shared_cluster.kubelet.start()
    return shared_cluster


@pytest.fixture
async def namespace(cluster: ControlPlane) -> str:
    name = f"test-{next(_counter)}"
    await cluster.add_namespace(name)
    return name
