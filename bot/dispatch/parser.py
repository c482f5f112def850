"""
Text → command and typed parameters.

cyclopts binds words to names and knows the near misses; the values it binds are strings, and the command's own model
gives them their types, so that chat, terminal and procedures share one set of rules and one kind of error.

What chat programs do to typed text is undone in `chat_text.py`.
"""

import dataclasses
import datetime
import functools
import inspect
import re
import shlex
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import cyclopts
import pydantic
import pydantic.fields
import pydantic_core

from bot import command as bot_command
from bot import errors
from bot.dispatch import chat_text
from bot.model import durations, invocations

_MAX_SUGGESTIONS = 3
_QUOTED = re.compile(r"'([^']*)'")
_CHANGES = frozenset(
    {
        "restart",
        "rollback",
        "undo",
        "scale",
        "delete",
        "kill",
        "apply",
        "redeploy",
        "reboot",
        "drain",
        "cordon",
        "patch",
    }
)
"""What people type to change a cluster; the similar names would mislead."""
TEXT_LIMIT = 2_000
"""Characters; the longest sensible line is far below, and everything above would have to be shown to someone."""

_MAX_BOUND_LINES = 200


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A command and what it is to be run with."""

    command: bot_command.Command[Any]
    parameters: bot_command.Parameters


class Parser:
    """Understands lines over a closed table of commands."""

    def __init__(self, commands: Mapping[str, bot_command.Command[Any]], vocabulary: bot_command.Vocabulary) -> None:
        self._commands = commands
        self._vocabulary = vocabulary
        self._apps = {word: _app(command) for word, command in commands.items()}
        # People repeat lines, and buttons do nothing else; binding one takes as long as a health check.
        self._bound = functools.lru_cache(_MAX_BOUND_LINES)(self._bind_words)
        self._aliases = {alias: word for word, command in commands.items() for alias in command.aliases}
        self._former = {alias: word for word, command in commands.items() for alias in command.hidden_aliases}

    def parse(self, text: str, *, from_chat: bool) -> Parsed:
        """
        Return the command and parameters of *text*, the part after `/pos`; an empty text means help.

        Raises:
            errors.UsageError: one sentence about what cannot be understood, with the usage line as its hint.
        """
        if len(text) > TEXT_LIMIT:
            raise errors.UsageError(f"That is {len(text):,} characters; a command has at most {TEXT_LIMIT:,}.")
        # A terminal's argv may hold bytes that are no text.
        text = text.encode(errors="replace").decode()
        words = _split(chat_text.normalize(text) if from_chat else text)
        if words and from_chat:
            words[0] = words[0].strip(chat_text.MARKS) or words[0]
        if words and words[-1] in {"--help", "-h"}:
            words = ["help", *words[:-1][: 2 if self._is_name(words[:2]) else 1]]
        if words and words[0].lower() == "help" and self._is_name(words[1:3]):
            words = ["help", " ".join(words[1:3])]
        command, rest = self._find(words or ["help"])
        try:
            return Parsed(command=command, parameters=self.validate(command, self._bind(command, rest)))
        except errors.UsageError as error:
            shorter = chat_text.without_ending(words) if from_chat and rest else None
            if shorter is not None:
                try:
                    return self.parse(shlex.join(shorter), from_chat=False)
                except errors.UsageError:
                    # A line that is wrong without its punctuation too is told as it was typed.
                    if len(shorter) < len(words):
                        raise
            raise _with_usage(error, command, words) from error

    def reply_to(self, text: str) -> invocations.Reply:
        """Return who sees the response to a button's *text*; private where it cannot be parsed."""
        try:
            parsed = self.parse(text, from_chat=False)
        except errors.UsageError:
            return invocations.Reply.PRIVATE
        reply: invocations.Reply = parsed.command.reply(parsed.parameters)
        return reply

    def add_note(self, text: str, note: str) -> str:
        """Return *text* with `--note`, or unchanged where its command takes none."""
        line = f"{text} --note={shlex.quote(note)}"
        try:
            self.parse(line, from_chat=False)
        except errors.UsageError:
            return text
        return line

    def or_help(self, text: str) -> str:
        """Return *text* if it begins with a command or nearly so, else `help`: people also say hello in a DM."""
        words = chat_text.normalize(text[:TEXT_LIMIT]).split()[:2]
        try:
            self._find(words or ["help"])
        except errors.NotFound as error:
            return text if set(error.suggestions) - {"help"} else "help"
        except errors.UsageError:
            pass
        return text

    @property
    def app_home(self) -> tuple[str, ...]:
        """Return the command lines whose reports Slack's App Home shows, in order."""
        return tuple(command.app_home for command in self._commands.values() if command.app_home is not None)

    def find(self, word: str) -> bot_command.Command[Any]:
        """
        Return the command with the name or alias *word*.

        Raises:
            errors.NotFound
        """
        word = self._aliases.get(word.lower(), word)
        word = self._former.get(word.lower(), word)
        if word.lower() in self._commands:
            return self._commands[word.lower()]
        invalid = self._vocabulary.invalid_procedures.get(word.lower())
        if invalid is not None:
            raise errors.UsageError(f"The procedure {word} is disabled: its file is invalid.", hint=invalid)
        # An alias is suggested only where it is the most similar: help does not list it beside the names.
        nearest = errors.NotFound("command", word, (*self._commands, *self._aliases)).suggestions[:1]
        raise errors.NotFound("command", word, self._aliases if set(nearest) & {*self._aliases} else self._commands)

    def _bind(self, command: bot_command.Command[Any], words: list[str]) -> dict[str, object]:
        """Return the values of the parameters in *words*, as texts."""
        try:
            bound = self._bound(command.name, tuple(_bind_dash(words)))
        except cyclopts.UnusedCliTokensError as error:
            raise self._unexpected(command, words, list(error.unused_tokens or ())) from error
        except cyclopts.CycloptsError as error:
            raise errors.UsageError(_first_sentence(str(error))) from error
        fields = command.parameters.model_fields
        several = {name for name, field in fields.items() if bot_command.option_of(field).takes_several}
        return {name: ",".join(value) if name in several else value for name, value in bound.items()}

    def _bind_words(self, name: str, words: tuple[str, ...]) -> Mapping[str, Any]:
        """Return what cyclopts binds; it examines the whole command for each line, which takes milliseconds."""
        _, bound, _ = self._apps[name].parse_args(list(words), exit_on_error=False, print_error=False)
        return dict(bound.arguments)

    def _unexpected(self, command: bot_command.Command[Any], words: list[str], unused: list[str]) -> errors.UsageError:
        """Return the error for *unused* words, with what was meant where that is known."""
        shown = errors.shorten(" ".join(unused), 60)
        name = unused[0].lower()
        before = words[words.index(unused[0]) - 1] if unused[0] in words[1:] else ""
        duration = durations.suggest(f"{before} {name}")
        if duration:
            return errors.UsageError(f"Unexpected argument: {shown}. Write {duration} in place of {before} {name}.")
        known = self._vocabulary.catalog.names
        if before.lower() in known and all(one.lower() in known for one in unused):
            kept = [word for word in words if word not in {before, *unused}]
            lines = (shlex.join([command.name, one, *kept]) for one in (before, *unused))
            return errors.UsageError(
                f"{command.name} takes one service; run it for each of them.", commands=tuple(lines)[:_MAX_SUGGESTIONS]
            )
        return errors.UsageError(f"Unexpected argument: {shown}.")

    def _is_name(self, words: list[str]) -> bool:
        """Return whether *words* are the two words of one name."""
        return len(words) > 1 and " ".join(words).lower() in {*self._commands, *self._aliases}

    def _find(self, words: list[str]) -> tuple[bot_command.Command[Any], list[str]]:
        """Return the command that *words* start with, and its arguments."""
        if self._is_name(words[:2]):
            return self.find(" ".join(words[:2])), words[2:]
        word, *rest = words
        try:
            return self.find(word), rest
        except errors.NotFound as error:
            if word.lower() in _CHANGES:
                raise errors.UsageError(
                    f"There is no command called “{word}”: posbot changes nothing in a cluster.",
                    hint="The runbook says how to do it, and the procedures lead through it.",
                    commands=(f"runbook {word.lower()}", "help"),
                ) from error
            error.commands = (*(shlex.join([near, *rest]) for near in error.suggestions[:1]), "help")
            raise

    def validate(self, command: bot_command.Command[Any], values: Mapping[str, object]) -> bot_command.Parameters:
        """
        Return the parameters of *command* with *values*, names resolved and types checked.

        Raises:
            errors.UsageError: naming the parameter and what was expected.
        """
        try:
            parameters: bot_command.Parameters = command.parameters.model_validate(values, context=self._vocabulary)
        except pydantic.ValidationError as error:
            # A value of two types has a problem with each.
            problems = error.errors()
            explained = {problem["loc"][:1]: _explain(problem, command.parameters) for problem in problems}
            kind = errors.UnknownName if all(map(_is_unknown_name, problems)) else errors.UsageError
            raise kind(" ".join(explained.values())) from error
        return parameters


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        reason = "a quote is opened but not closed" if "quotation" in str(error) else "it ends in a lone backslash"
        raise errors.UsageError(
            f"That line cannot be read: {reason}.", hint='Write "…" around values with spaces, or leave quotes out.'
        ) from error


def _app(command: bot_command.Command[Any]) -> cyclopts.App:
    parameters = []
    for name, field in command.parameters.model_fields.items():
        option = bot_command.option_of(field)
        kind = inspect.Parameter.POSITIONAL_ONLY if option.positional else inspect.Parameter.KEYWORD_ONLY
        names = [f"--{name.replace('_', '-')}", *([option.short] if option.short else [])]
        binding = cyclopts.Parameter(name=None if option.positional else names, negative=())
        bound_type, default = _bound_type(field)
        hint: Any = Annotated[bound_type, binding]
        parameters.append(inspect.Parameter(name, kind, annotation=hint, default=default))

    def collect(*args: object, **kwargs: object) -> None:
        raise NotImplementedError("only its signature is used")

    collect.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    collect.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app = cyclopts.App(name=command.name, help_flags=[], version_flags=[])
    app.default(collect)
    return app


def _bound_type(field: pydantic.fields.FieldInfo) -> tuple[Any, object]:
    """Return the type that cyclopts binds (flag, list of texts, or text) and its default; types come from the model."""
    if field.annotation is bool:
        return bool, False
    if bot_command.option_of(field).takes_several:
        return tuple[str, ...], ()
    is_list = typing.get_origin(field.annotation) in {tuple, list} and not isinstance(field.annotation, types.UnionType)
    return (tuple[str, ...], ()) if is_list else (str | None, None)


def _bind_dash(words: list[str]) -> list[str]:
    """Return *words* with a lone dash, which stands for standard input, as the value of the option before it."""
    bound: list[str] = []
    for word in words:
        if word == "-" and bound and bound[-1].startswith("--"):
            bound[-1] += "=-"
        else:
            bound.append(word)
    return bound


def _first_sentence(message: str) -> str:
    return errors.shorten(" ".join(message.split()), 300)


_EXPECTED = {
    "extra_forbidden": "is unknown",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be a text",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "tuple_type": "must be a list",
}
"""Pydantic's type of an error → what the person reads of it."""


def _is_unknown_name(problem: pydantic_core.ErrorDetails) -> bool:
    cause = problem.get("ctx", {}).get("error")
    return isinstance(cause, ValueError) and isinstance(cause.__cause__, errors.NotFound)


def _explain(problem: pydantic_core.ErrorDetails, parameters: type[bot_command.Parameters]) -> str:
    """Return one sentence about an invalid argument, without pydantic's own words."""
    name = str(problem["loc"][0]) if problem["loc"] else "value"
    field = parameters.model_fields.get(name)
    is_positional = field is None or bot_command.option_of(field).positional
    subject = name if is_positional else f"--{name.replace('_', '-')}"
    if problem["type"] == "value_error":
        message = problem["msg"].removeprefix("Value error, ")
        return f"{subject}: {message}" if durations.IS_NONE in message and not is_positional else message
    if problem["type"] == "missing":
        return f"Missing argument: {name.upper()}." if is_positional else f"{subject} is required."
    if problem["type"] == "string_pattern_mismatch" and field is not None and field.description:
        return f"{subject} must be {field.description}."
    expected = _EXPECTED.get(problem["type"], "").replace("{expected}", _choices(problem))
    if not expected:
        return f"{subject}: invalid value “{errors.shorten(str(problem['input']), 40)}”."
    return f"{subject} {expected.format(**(problem.get('ctx') or {}) | _duration_bounds(field))}."


def _choices(problem: pydantic_core.ErrorDetails) -> str:
    """Return the choices that pydantic names, in the quotes of the other sentences."""
    return _QUOTED.sub("“\\1”", str((problem.get("ctx") or {}).get("expected", "")))


def _duration_bounds(field: pydantic.fields.FieldInfo | None) -> dict[str, str]:
    """Return the bounds of *field* that are durations, as a person writes them."""
    bounds = {}
    for constraint in field.metadata if field is not None else ():
        for relation in ("gt", "ge", "lt", "le"):
            bound = getattr(constraint, relation, None)
            if isinstance(bound, datetime.timedelta):
                bounds[relation] = durations.write(bound)
    return bounds


def _with_usage(error: errors.UsageError, command: bot_command.Command[Any], words: list[str]) -> errors.UsageError:
    """Return *error* with the usage of *command*, and with what *words* may have meant as commands to run."""
    line = f"Usage: {command.usage}"
    hint = f"{error.hint} {line}" if error.hint else line
    near = dict(_near_names(error.__cause__))
    meant = (shlex.join(near.get(word.lower(), word) for word in words),) if near else ()
    help_line = "help" if command.name == "help" else f"help {command.name}"
    kind = errors.UnknownName if isinstance(error, errors.UnknownName) else errors.UsageError
    return kind(str(error), hint=hint, commands=(*error.commands, *meant, help_line))


def _near_names(error: BaseException | None) -> Iterator[tuple[str, str]]:
    """Yield each name that is not known, with the most similar one that is."""
    for problem in error.errors() if isinstance(error, pydantic.ValidationError) else ():
        raised = (problem.get("ctx") or {}).get("error")
        cause = raised.__cause__ if isinstance(raised, ValueError) else None
        if isinstance(cause, errors.NotFound) and cause.suggestions:
            yield cause.name.lower(), cause.suggestions[0]
