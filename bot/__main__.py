"""
The entry point: builds what a line asks for and runs it. The only file that knows which commands exist.

What only one verb needs is imported when that verb runs: the store, HTTP and Slack take most of a second to load,
which someone who asked for `--help` need not wait for.
"""

import asyncio
import gc
import io
import sys
from collections.abc import Sequence

import commands
from bot import errors
from bot.config import settings

VERBS = {
    "serve": "answer in Slack, over Socket Mode or signed HTTP",
    "manifest": "print the manifest of the Slack app; --url https://… for signed HTTP",
    "migrate": "bring the database up to date",
    "schema": "print the JSON Schema of procedures, for editors",
}
_OBJECTS = 100_000
_EXIT_USAGE = 2
_EXIT_UNTOLD = 3


def main() -> None:
    """Run what stands on the command line; its exit code tells how it ended."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that has no ✓ shows a question mark instead of a stack trace.
            stream.reconfigure(errors="replace")
    raise SystemExit(run(sys.argv[1:]))


def run(words: Sequence[str]) -> int:
    """Run *words* and give the exit code."""
    try:
        words, as_json = _take_output(words)
        match words:
            case [] | ["--help" | "-h"]:
                print(_usage())  # noqa: T201 - what was asked for
                return 0
            case ["serve" | "manifest" | "migrate" | "schema", "--help" | "-h"]:
                print(_usage())  # noqa: T201 - what was asked for
                return 0
            case ["--version"]:
                return asyncio.run(_answer(["version"], as_json))
            case ["serve" | "manifest" | "migrate" | "schema" as verb, *rest]:
                return _operate(verb, rest)
            case _:
                return asyncio.run(_answer(words, as_json))
    except errors.BotError as error:
        print("\n".join(filter(None, (str(error), error.hint))), file=sys.stderr)  # noqa: T201 - nowhere else to say it
        return _exit_code(error, words)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read the answer has seen enough.
        sys.stderr.close()
        return 0
    except OSError as error:
        print(f"The answer could not be written ({error.strerror}).", file=sys.stderr)  # noqa: T201 - nowhere else
        return _EXIT_UNTOLD


def _take_output(words: Sequence[str]) -> tuple[list[str], bool]:
    """Give *words* without `--output FORMAT`, and whether it asked for JSON; chat has no such option."""
    rest = [word for word in words if not word.startswith("--output=")]
    formats = [word.partition("=")[2] for word in words if word.startswith("--output=")]
    if "--output" in rest:
        index = rest.index("--output")
        formats += rest[index + 1 : index + 2] or [""]
        del rest[index : index + 2]
    for name in formats:
        if name not in {"text", "json"}:
            raise errors.UsageError(f"--output is text or json, not “{name}”.")
    return rest, "json" in formats


def _exit_code(error: errors.BotError, words: Sequence[str]) -> int:
    if isinstance(error, errors.UsageError):
        return _EXIT_USAGE
    is_check = list(words[:1]) == ["check"]
    return 1 if is_check and isinstance(error, errors.BadConfiguration) else _EXIT_UNTOLD


def _usage() -> str:
    width = max(len(command.name) for command in commands.COMMANDS)
    lines = ["posbot COMMAND … [--output text|json]", "", "As in Slack after /pos:"]
    lines += [f"  {command.name:{width}}  {command.summary}" for command in commands.COMMANDS]
    lines += ["", "For whoever runs posbot:", *(f"  {verb:{width}}  {text}" for verb, text in VERBS.items())]
    lines += [
        "",
        "posbot help COMMAND shows the options of one.",
        "Exit codes: 0 ok, 1 problem found, 2 usage, 3 could not tell.",
    ]
    return "\n".join(lines)


async def _answer(words: Sequence[str], as_json: bool) -> int:
    # One line makes much that stays until it ends; looking through that again and again is a sixth of its time.
    gc.set_threshold(_OBJECTS, *gc.get_threshold()[1:])
    from bot import app
    from bot.dispatch import permissions
    from bot.terminal import cli

    plain = {command.name for command in commands.COMMANDS if not command.needs_procedures}
    async with app.assemble(
        settings.Settings.from_environment(),
        commands.COMMANDS,
        team_id=None,
        user_groups=permissions.NoUserGroups(),
        needs_store=False,
        needs_procedures=not words or words[0].lower() not in plain,
    ) as core:
        return await cli.run_command(core.dispatcher, words, as_json=as_json)


def _operate(verb: str, rest: Sequence[str]) -> int:
    if verb == "manifest":
        from bot.slack.inbound import manifest

        print(manifest.write(commands.COMMANDS, _take_url(rest)))  # noqa: T201 - what was asked for
        return 0
    if rest:
        raise errors.UsageError(f"{verb} takes nothing behind it, but got “{' '.join(rest)}”.")
    if verb == "schema":
        from bot.procedures.definition import loader

        print(loader.json_schema(commands.COMMANDS))  # noqa: T201 - what was asked for
        return 0
    from bot import serve

    work = serve.serve if verb == "serve" else serve.migrate
    return asyncio.run(work(settings.Settings.from_environment(), commands.COMMANDS))


def _take_url(rest: Sequence[str]) -> str | None:
    match [part for word in rest for part in word.split("=", 1)]:
        case []:
            return None
        case ["--url", url]:
            return url
        case _:
            raise errors.UsageError(f"manifest takes --url https://… and nothing else, but got “{' '.join(rest)}”.")


if __name__ == "__main__":
    main()
