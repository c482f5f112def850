"""
The child process of the sandboxed Slack and services, so that neither posbot nor the load shares its loop.

    python -m bench.sandbox_process NUMBER_OF_SERVICES
"""

import sys
import time
from collections.abc import Mapping

from bench import recorders, subprocesses
from sandbox import runbook_folder, slack
from sandbox.services import fleets

_ANSWER_SECONDS = 30.0


class _Sandbox:
    """Executes the parent's commands."""

    def __init__(self, workspace: slack.Workspace, fleet: fleets.Fleet, notebook: recorders.RequestRecorder) -> None:
        self._workspace = workspace
        self._fleet = fleet
        self._notebook = notebook
        self._person = workspace.person("alice")
        self._channel = workspace.channel("ops", members=[self._person])
        self._answers_seen = 0

    def hello(self) -> subprocesses.Message:
        workspace = self._workspace
        return {
            "api_url": workspace.api_url,
            "bot_token": workspace.bot_token,
            "app_token": workspace.app_token,
            "signing_secret": workspace.signing_secret,
            "ports": self._fleet.ports,
        }

    async def answer(self, question: Mapping[str, object]) -> subprocesses.Message:
        match question:
            case {"do": "write down", "text": str(text), "count": int(count)}:
                return await self._write_down(text, count)
            case {"do": "wait for answers", "count": int(count)}:
                return await self._wait_for_answers(count)
            case {"do": "type", "text": str(text)}:
                return await self._type(text)
            case {"do": "deliver to", "url": str() | None as url}:
                self._workspace.deliver_to(url)
                return {}
            case {"do": "wait for sockets", "count": int(count)}:
                await self._workspace.wait_for_sockets(count, timeout_seconds=_ANSWER_SECONDS)
                return {}
            case {"do": "slow", "service": str(name), "seconds": float(seconds)}:
                await self._fleet[name].slows_to(seconds=seconds)
                return {}
        raise ValueError(f"unknown command: {question}")

    async def _write_down(self, text: str, count: int) -> subprocesses.Message:
        """Return requests exactly as Slack would send them, to be sent by the caller."""
        self._workspace.deliver_to(self._notebook.url)
        for _ in range(count):
            await self._person.types(f"/pos {text}", self._channel)
        self._workspace.deliver_to(None)
        return {"requests": self._notebook.drain()}

    async def _wait_for_answers(self, count: int) -> subprocesses.Message:
        expected = self._answers_seen + count
        uses = await self._workspace.wait_for(
            lambda: uses if len(uses := self._workspace.response_uses) >= expected else None,
            timeout_seconds=_ANSWER_SECONDS,
        )
        new, self._answers_seen = uses[self._answers_seen :], len(uses)
        return {"outcomes": [use.outcome for use in new], "texts": [str(use.body.get("text")) for use in new]}

    async def _type(self, text: str) -> subprocesses.Message:
        """Type a line and return how long the acknowledgement and the response took."""
        started = time.time()
        delivery = await self._person.types(f"/pos {text}", self._channel)
        answers = await self._wait_for_answers(1)
        use = self._workspace.response_uses[-1]
        ack_seconds = delivery.attempts[-1].ack_seconds
        return {"ack_seconds": ack_seconds, "answer_seconds": use.at_seconds - started, **answers}


def _names(count: int) -> list[str]:
    """Return *count* names: those of the catalogue first, then invented ones."""
    known = list(runbook_folder.service_names())[:count]
    return known + [f"pos-extra-{number:03}" for number in range(count - len(known))]


async def main() -> None:
    """Serve until the parent closes the pipe."""
    names = _names(int(sys.argv[1]))
    # Slack lets a channel have one message a second; the load here is many people's, in many channels.
    setup = slack.Settings(posting_burst=None)
    async with fleets.running(names) as fleet, slack.running(setup) as workspace, recorders.recorder() as notebook:
        stage = _Sandbox(workspace, fleet, notebook)
        await subprocesses.answer_lines(stage.hello(), stage.answer)


if __name__ == "__main__":
    subprocesses.live(main)
