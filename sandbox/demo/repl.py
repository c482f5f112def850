"""The prompt after the story: the user acts as alice."""

import asyncio
import contextlib
import difflib

from sandbox.demo import actors, faults
from sandbox.demo import keyboard as demo_keyboard
from sandbox.demo.preview import posts
from sandbox.slack.state import messages

_RESPONSE_TIMEOUT_SECONDS = 30.0
_EDITS_SECONDS = 1.2
"""A run's messages change at most once a second, so that much later all of them have."""
_RUN_IN_PROGRESS = (": started", ": answered ")
"""Part of the reply about a run that continues."""
_INPUT = "plain_text_input"
_HELP = (
    ("/pos health order", "run a command; only you see the response"),
    ("@pos health price", "mention the bot; everyone sees the response"),
    ("2", "press button 2; further words are the note"),
    ("break pos-order", "disconnect its database; also: slow, mend"),
    ("crash pos-catalog", "put its pods into CrashLoopBackOff"),
    ("ship pos-order", "roll out a version that does not start"),
    ("/pos post-deployment order", "run a procedure; posbot run watch ID shows it in a terminal"),
    ("posbot audit", "run a command in a terminal"),
    ("help, quit", "show this help, quit"),
)


class Repl:
    """Reads lines, executes them and shows the responses."""

    def __init__(self, team: actors.Actors, keyboard: demo_keyboard.Keyboard) -> None:
        self._team = team
        self._keyboard = keyboard
        self._buttons: list[tuple[str, messages.Message]] = []
        self._seen = max((message.revision for message in team.alice.sees(team.ops)), default=0)

    async def run(self) -> None:
        """Go on until `quit`. Raises keyboard.EndOfInput when the keyboard ends first."""
        self._show_help()
        while True:
            line = " ".join((await self._read_line()).split())
            if line in {"quit", "exit"}:
                return
            try:
                await self._execute(line)
            except actors.StepFailed as problem:
                self._team.screen.note(str(problem))

    async def _read_line(self) -> str:
        line = await self._keyboard.typed_ahead()
        if line is None:
            self._team.screen.prompt("alice")
            return await self._keyboard.line()
        self._team.screen.act("alice", line)
        return line

    async def _execute(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        match word:
            case "":
                await self._show_new_messages()
            case "help":
                self._show_help()
            case _ if word in faults.BY_COMMAND:
                await self._inject(word, rest)
            case "posbot":
                await self._team.runs(line)
            case _ if line.startswith("/"):
                await self._type(line)
            case "@pos":
                await self._mention(rest)
            case _ if word.isdecimal():
                await self._press(int(word), rest)
            case _:
                self._team.screen.note(_unknown(word, line))

    async def _type(self, line: str) -> None:
        async with actors.step("acknowledgement by the bot"):
            await self._team.alice.types(line, self._team.ops)
        await self._show_response()

    async def _mention(self, text: str) -> None:
        async with actors.step("acknowledgement by the bot"):
            await self._team.alice.mentions(text, self._team.ops)
        await self._show_response()

    async def _press(self, number: int, note: str) -> None:
        if not 1 <= number <= len(self._buttons):
            known = f"Buttons are numbered 1 to {len(self._buttons)}." if self._buttons else "No buttons yet."
            self._team.screen.note(known)
            return
        label, message = self._buttons[number - 1]
        inputs = [control.action_id for control in message.controls if control.kind == _INPUT]
        async with actors.step("acknowledgement by the bot"):
            await self._team.alice.clicks(label, message, values=dict.fromkeys(inputs, note))
        await self._show_response()

    async def _inject(self, word: str, name: str) -> None:
        fleet = self._team.bed.fleet
        found = name if name in fleet else f"pos-{name}"
        if found not in fleet:
            near = difflib.get_close_matches(found, fleet, n=1)
            question = f" Did you mean {near[0]}?" if near else ""
            self._team.screen.note(f"Unknown service: {name}.{question}")
            return
        self._team.screen.note(await faults.BY_COMMAND[word](self._team.bed, found))

    async def _show_response(self) -> None:
        """Show what comes until it is an answer; what takes longer is shown after the next line."""
        workspace = self._team.bed.workspace
        is_answered = False
        while not is_answered:
            with contextlib.suppress(TimeoutError):
                news = await workspace.wait_for(self._new_messages, timeout_seconds=_RESPONSE_TIMEOUT_SECONDS)
                if any(_is_run_message(message) or _is_question(message) for message in news):
                    await asyncio.sleep(_EDITS_SECONDS)
            news = await self._show_new_messages()
            if not news:
                self._team.screen.note(
                    f"No response within {_RESPONSE_TIMEOUT_SECONDS:g} s. Press Enter to check again."
                )
                return
            is_answered = not any(_is_in_progress(message) for message in news[-1:])

    async def _show_new_messages(self) -> list[messages.Message]:
        news = self._new_messages()
        for message in news:
            self._seen = max(self._seen, message.revision)
            if _is_run_message(message) and _is_in_progress(message):
                continue
            buttons = message.buttons
            numbers = {(button.block_id, button.action_id): number for number, button in enumerate(buttons, 1)}
            self._buttons = [(button.text, message) for button in buttons] or self._buttons
            await self._team.screen.show(posts.post_of(message, self._team.names), numbers)
        return news

    def _new_messages(self) -> list[messages.Message]:
        """
        List what others wrote or changed since the last call, in the channel and to alice alone.

        What a run asks stands last, so that the numbers are those of its buttons.
        """
        alice = self._team.alice
        seen = [*alice.sees(self._team.ops), *alice.sees(alice.chat_with_bot)]
        news = [message for message in seen if message.revision > self._seen and message.user_id != alice.id]
        return sorted(news, key=lambda message: (_is_question(message), not _is_run_message(message), message.revision))

    def _show_help(self) -> None:
        self._team.screen.gap()
        self._team.screen.note("Your turn, as alice in #pos-ops.")
        self._team.screen.explain(_HELP)


def _unknown(word: str, line: str) -> str:
    near = difflib.get_close_matches(word, faults.BY_COMMAND, n=1)
    meant = f"Did you mean {near[0]}?" if near else f"For posbot type /pos {line}, or help for what else there is."
    return f"Unknown command: {word}. {meant}"


def _is_in_progress(message: messages.Message) -> bool:
    """Return whether a later edit or message follows by itself; a followed log counts as complete."""
    text = message.plain_text
    is_answer_under_way = text.startswith("⏳") and not text.startswith("⏳ Following")
    is_aside = message.is_ephemeral and any(words in text.partition("\n\n")[0] for words in _RUN_IN_PROGRESS)
    return is_answer_under_way or is_aside or text.startswith("☑️")


def _is_run_message(message: messages.Message) -> bool:
    return not message.is_ephemeral and any(block["type"] == "plan" for block in message.blocks)


def _is_question(message: messages.Message) -> bool:
    return message.plain_text.startswith("✋") and message.thread_ts not in {None, message.ts}
