"""After the story: alice's place, for whoever sits at the terminal."""

import asyncio
import contextlib
import difflib

from sandbox.demo import actors, faults
from sandbox.demo import keyboard as demo_keyboard
from sandbox.demo.preview import posts
from sandbox.slack.state import messages

_PATIENCE_SECONDS = 30.0
_EDITS_SECONDS = 1.2
"""A run's messages change at most once a second, so that much later all of them have."""
_ON_ITS_WAY = ("has begun.", " takes the answer ")
"""In what is said to a person about a run that goes on."""
_INPUT = "plain_text_input"
_HINT = (
    ("/pos health order", "ask; the answer is for you alone"),
    ("@pos health price", "ask in sight of all"),
    ("2", "press the button with that number; words behind it are the note"),
    ("break pos-order", "let it lose its database; also slow, and mend"),
    ("crash pos-catalog", "let its pods fail to start"),
    ("ship pos-order", "roll out a version of it that does not start"),
    ("/pos post-deployment order", "run a procedure; posbot run follow ID shows it in a terminal"),
    ("posbot audit", "run a line in a terminal"),
    ("help, quit", "show this again, or end"),
)


class Playground:
    """Reads lines, does what they say and shows what comes of it."""

    def __init__(self, cast: actors.Cast, keyboard: demo_keyboard.Keyboard) -> None:
        self._cast = cast
        self._keyboard = keyboard
        self._buttons: list[tuple[str, messages.Message]] = []
        self._seen = max((message.revision for message in cast.alice.sees(cast.ops)), default=0)

    async def play(self) -> None:
        """Go on until `quit`. Raises keyboards.Ended when the keyboard ends first."""
        self._hint()
        while True:
            line = " ".join((await self._ask()).split())
            if line in {"quit", "exit"}:
                return
            try:
                await self._do(line)
            except actors.Stuck as problem:
                self._cast.screen.note(str(problem))

    async def _ask(self) -> str:
        line = await self._keyboard.typed_ahead()
        if line is None:
            self._cast.screen.prompt("alice")
            return await self._keyboard.line()
        self._cast.screen.act("alice", line)
        return line

    async def _do(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        match word:
            case "":
                await self._show_news()
            case "help":
                self._hint()
            case _ if word in faults.BY_WORD:
                await self._switch(word, rest)
            case "posbot":
                await self._cast.runs(line)
            case _ if line.startswith("/"):
                await self._type(line)
            case "@pos":
                await self._mention(rest)
            case _ if word.isdecimal():
                await self._press(int(word), rest)
            case _:
                self._cast.screen.note(f"“{word}” is not known here. Begin with /pos or @pos; help shows the rest.")

    async def _type(self, line: str) -> None:
        async with actors.step("acknowledgement by the bot"):
            await self._cast.alice.types(line, self._cast.ops)
        await self._await_answer()

    async def _mention(self, text: str) -> None:
        async with actors.step("acknowledgement by the bot"):
            await self._cast.alice.mentions(text, self._cast.ops)
        await self._await_answer()

    async def _press(self, number: int, note: str) -> None:
        if not 1 <= number <= len(self._buttons):
            known = f"Buttons go from 1 to {len(self._buttons)}." if self._buttons else "There is no button to press."
            self._cast.screen.note(known)
            return
        label, message = self._buttons[number - 1]
        inputs = [control.action_id for control in message.controls if control.kind == _INPUT]
        async with actors.step("acknowledgement by the bot"):
            await self._cast.alice.clicks(label, message, values=dict.fromkeys(inputs, note))
        await self._await_answer()

    async def _switch(self, word: str, name: str) -> None:
        fleet = self._cast.stage.fleet
        found = name if name in fleet else f"pos-{name}"
        if found not in fleet:
            near = difflib.get_close_matches(found, fleet, n=1)
            question = f" Did you mean {near[0]}?" if near else ""
            self._cast.screen.note(f"No service called “{name}” runs here.{question}")
            return
        self._cast.screen.note(await faults.BY_WORD[word](self._cast.stage, found))

    async def _await_answer(self) -> None:
        """Show what comes until it is an answer; what takes longer is shown after the next line."""
        workspace = self._cast.stage.workspace
        is_answered = False
        while not is_answered:
            with contextlib.suppress(TimeoutError):
                news = await workspace.wait_for(self._news, timeout_seconds=_PATIENCE_SECONDS)
                if any(_tells_of_a_run(message) or _asks(message) for message in news):
                    await asyncio.sleep(_EDITS_SECONDS)
            news = await self._show_news()
            if not news:
                self._cast.screen.note(f"No answer within {_PATIENCE_SECONDS:g} s. Enter looks again.")
                return
            is_answered = not any(_is_unfinished(message) for message in news[-1:])

    async def _show_news(self) -> list[messages.Message]:
        news = self._news()
        for message in news:
            self._seen = max(self._seen, message.revision)
            if _tells_of_a_run(message) and _is_unfinished(message):
                continue
            buttons = message.buttons
            numbers = {(button.block_id, button.action_id): number for number, button in enumerate(buttons, 1)}
            self._buttons = [(button.text, message) for button in buttons] or self._buttons
            await self._cast.screen.show(posts.post_of(message, self._cast.names), numbers)
        return news

    def _news(self) -> list[messages.Message]:
        """
        List what others wrote or changed since the last look, in the channel and to alice alone.

        What a run asks stands last, so that the numbers are those of its buttons.
        """
        alice = self._cast.alice
        seen = [*alice.sees(self._cast.ops), *alice.sees(alice.chat_with_bot)]
        news = [message for message in seen if message.revision > self._seen and message.user_id != alice.id]
        return sorted(news, key=lambda message: (_asks(message), not _tells_of_a_run(message), message.revision))

    def _hint(self) -> None:
        self._cast.screen.gap()
        self._cast.screen.note("Your turn, as alice in #pos-ops.")
        self._cast.screen.explain(_HINT)


def _is_unfinished(message: messages.Message) -> bool:
    """Tell whether something follows by itself: a log that is followed has no end, and a run goes on when answered."""
    text = message.plain_text
    is_answer_under_way = text.startswith("⏳") and not text.startswith("⏳ Following")
    is_aside = message.is_ephemeral and any(words in text.partition("\n\n")[0] for words in _ON_ITS_WAY)
    return is_answer_under_way or is_aside or text.startswith("☑️")


def _tells_of_a_run(message: messages.Message) -> bool:
    return not message.is_ephemeral and any(block["type"] == "plan" for block in message.blocks)


def _asks(message: messages.Message) -> bool:
    return message.plain_text.startswith("✋") and message.thread_ts not in {None, message.ts}
