"""Fixtures of the sandbox's own tests: an app in Slack, a cluster and a service."""

from collections.abc import AsyncIterator

import pytest

from sandbox import cluster, slack
from sandbox.services import fleets
from sandbox.services.service import Service
from tests.integration.sandbox import slack_client


@pytest.fixture
async def slack_app() -> AsyncIterator[slack_client.SlackApp]:
    async with slack_client.running(clock=slack.ManualClock()) as app:
        yield app


@pytest.fixture
async def kube() -> AsyncIterator[cluster.Cluster]:
    async with cluster.running() as running:
        yield running


@pytest.fixture
async def order() -> AsyncIterator[Service]:
    async with fleets.running(["pos-order"]) as fleet:
        yield fleet["pos-order"]
