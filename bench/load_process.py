"""
The child process of a testbed under attack, so that the bystanders' clock shares no loop with it.

    python -m bench.load_process
"""

import dataclasses
from collections.abc import Mapping

from bench import recorders, subprocesses
from sandbox import attack, slack, testbed


class _Scene:
    """Executes the parent's commands."""

    def __init__(self, stage: testbed.TestBed, recorder: recorders.RequestRecorder) -> None:
        self._stage = stage
        self._recorder = recorder
        self._person = stage.workspace.person("bystander")
        self._channel = stage.workspace.channel("ops", members=[self._person])

    async def answer(self, question: Mapping[str, object]) -> subprocesses.Message:
        match question:
            case {"do": "write down", "text": str(text), "count": int(count)}:
                return await self._write_down(text, count)
            case {"do": "attack"}:
                return dataclasses.asdict(await attack.run(self._stage))
            case {"do": "missing", "urls": list(urls)}:
                return {"missing": len(set(urls) - await attack.answered(self._stage, set(urls)))}
        raise ValueError(f"unknown command: {question}")

    async def _write_down(self, text: str, count: int) -> subprocesses.Message:
        """Return requests exactly as Slack would send them, to be sent by the caller, and their response URLs."""
        workspace = self._stage.workspace
        workspace.deliver_to(self._recorder.url)
        deliveries = [await self._person.types(f"/pos {text}", self._channel) for _ in range(count)]
        workspace.deliver_to(f"{self._stage.bot_url}/slack/events")
        urls = [delivery.payload["response_url"] for delivery in deliveries]
        return {"requests": self._recorder.drain(), "urls": urls}


async def main() -> None:
    """Serve until the parent closes the pipe."""
    setup = slack.Settings(posting_burst=None)
    names = [attack.LARGE, attack.QUIET]
    async with (
        testbed.set_up(testbed.Mode.HTTP, names=names, setup=setup) as stage,
        recorders.recorder() as recorder,
    ):
        await attack.prepare(stage)
        scene = _Scene(stage, recorder)
        hello = {"pid": stage.bot.pid, "port": int(stage.bot_url.rsplit(":", 1)[1])}
        await subprocesses.answer_lines(hello, scene.answer)


if __name__ == "__main__":
    subprocesses.live(main)
