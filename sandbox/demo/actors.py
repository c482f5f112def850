"""The actors of the demo: alice, bob and the bot, and what they can do."""

import asyncio
import contextlib
import shlex
from collections.abc import AsyncIterator, Mapping

from sandbox import processes, testbed
from sandbox.demo import screens
from sandbox.demo.preview import posts
from sandbox.slack.scenario import people
from sandbox.slack.state import messages, workspace_state

START_SECONDS = 45.0
STEP_SECONDS = 15.0


class StepFailed(Exception):
    """A step of the story failed or timed out."""


@contextlib.asynccontextmanager
async def step(what: str, *, seconds: float = STEP_SECONDS) -> AsyncIterator[None]:
    """Limit the block to *seconds*. Raises StepFailed, naming *what*, when it fails or takes longer."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise StepFailed(f"no {what} in time.") from error
    except (LookupError, OSError, RuntimeError) as error:
        raise StepFailed(f"no {what}: {str(error).partition(':')[0]}.") from error


class Actors:
    """alice, bob and the bot in #pos-ops; everything they do is shown."""

    def __init__(self, bed: testbed.TestBed, screen: screens.Screen) -> None:
        self.bed = bed
        self.screen = screen
        self.alice = bed.workspace.person("alice")
        self.bob = bed.workspace.person("bob")
        self.ops = bed.workspace.channel("pos-ops", members=[self.alice, self.bob])

    @property
    def names(self) -> Mapping[str, str]:
        """Return the names of users, channels and files by id."""
        own = self.bed.workspace.settings
        persons = {person.id: person.user.name for person in (self.alice, self.bob)}
        places = {self.ops.id: self.ops.name, self.alice.chat_with_bot.id: "direct messages"}
        apps = {own.bot_user_id: own.bot_name, workspace_state.SLACKBOT: "Slackbot"}
        return {**places, **persons, **apps, **self.bed.workspace.file_names}

    async def types(self, line: str, *, containing: str = "") -> messages.Message:
        """Let alice type a slash command; show and return the response."""
        self.screen.act("alice", line)
        async with step(f"answer to {line}"):
            delivery = await self.alice.types(line, self.ops)
            answer = await self.alice.waits_for_message(
                self.ops, containing=containing, after=delivery, timeout_seconds=STEP_SECONDS
            )
        await self.show(answer)
        return answer

    async def clicks(self, label: str, on: messages.Message, *, by: people.Person | None = None) -> messages.Message:
        """Let alice, or *by*, press the first button with *label* in its text; show and return the changed message."""
        person = by or self.alice
        async with step(f"answer to a click on {label}"):
            await person.clicks(self._press(label, on, person), on)
            answer = await person.waits_for_change(on, timeout_seconds=STEP_SECONDS)
        await self.show(answer)
        return answer

    async def shares(self, label: str, on: messages.Message) -> messages.Message:
        """Let alice press a button that posts publicly; show and return the message."""
        async with step("message for the channel"):
            delivery = await self.alice.clicks(self._press(label, on, self.alice), on)
            shared = await self.bob.waits_for_message(self.ops, after=delivery, timeout_seconds=STEP_SECONDS)
        await self.show(shared)
        return shared

    async def mentions(self, text: str, *, thread: messages.Message) -> messages.Message:
        """Let bob mention the bot in a thread; show his message and the response, and return the response."""
        async with step(f"answer to bob's “{text}”"):
            delivery = await self.bob.mentions(text, self.ops, thread=thread)
            asked = await self.bob.waits_for_message(self.ops, thread=thread, matching=self._is_bobs)
            answer = await self.bob.waits_for_message(
                self.ops, thread=thread, after=delivery, timeout_seconds=STEP_SECONDS
            )
        await self.show(asked)
        await self.show(answer)
        return answer

    async def runs(self, line: str) -> str:
        """
        Run a command in alice's terminal; show and return its output.

        stderr is shown only if stdout is empty: a terminal overwrites progress.
        """
        async with step(f"output of {line}"):
            code, output, complaint = await processes.run(self._shell(), *_arguments(line))
        await self.screen.show_shell(line, output or complaint, code)
        return output

    async def finds(self, what: str, *, containing: str, thread: messages.Message | None = None) -> messages.Message:
        """Return a message in the channel, or in a thread, once it is there."""

        def is_there(message: messages.Message) -> bool:
            is_reply = message.thread_ts not in {None, message.ts}
            return is_reply if thread is not None else not is_reply

        async with step(what):
            return await self.alice.waits_for_message(
                self.ops, containing=containing, thread=thread, matching=is_there, timeout_seconds=STEP_SECONDS
            )

    async def show(self, message: messages.Message) -> None:
        """Show a message as alice sees it."""
        await self.screen.show(posts.post_of(message, self.names))

    def _press(self, label: str, on: messages.Message, person: people.Person) -> str:
        found = next((button.text for button in on.buttons if label in button.text), None)
        if found is None:
            raise LookupError(f"there is no button “{label}”")
        self.screen.act(person.user.name, f"[ {found} ]")
        return found

    def _is_bobs(self, message: messages.Message) -> bool:
        return message.user_id == self.bob.id

    def _shell(self) -> dict[str, str]:
        # As in a terminal of the same width, colours and all.
        looks = {"FORCE_COLOR": "1", "COLUMNS": str(self.screen.width)}
        return {**self.bed.environment, **looks}


def _arguments(line: str) -> list[str]:
    """Return the arguments in *line*; an unclosed quote is taken literally."""
    try:
        return shlex.split(line)[1:]
    except ValueError:
        return line.split()[1:]
