"""
The entry point: imports what the verb of a command line needs. The only file of `bot` that knows the commands.

What is imported here is paid by `posbot --help`, which needs nothing but the index of commands. `version`, `help` and
`completion` are local: they need no database and no permission, and are not recorded. Any other command imports the
dispatcher, the store and its own module.
"""

import io
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import commands
from bot import errors, exit_codes
from bot.terminal import verbs

if TYPE_CHECKING:
    from bot.model import reports

_GC_THRESHOLD = 100_000


def main() -> None:
    """Run the command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that has no ✓ shows a question mark instead of a stack trace.
            stream.reconfigure(errors="replace")
    raise SystemExit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command line *arguments* and return the exit code."""
    try:
        arguments, as_json = _take_output(arguments)
        return _run(arguments, as_json=as_json)
    except errors.BotError as error:
        print("\n".join(filter(None, (str(error), error.hint))), file=sys.stderr)  # noqa: T201 - nowhere else to say it
        return _exit_code(error, arguments)
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    except BrokenPipeError:
        # The reader of the pipe has closed it, as `head` does.
        sys.stderr.close()
        return 0
    except OSError as error:
        print(f"Output cannot be written ({error.strerror}).", file=sys.stderr)  # noqa: T201 - nowhere else
        return exit_codes.UNKNOWN


def _take_output(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """Return *arguments* without `-o FORMAT`, and whether it is JSON; chat has no such option."""
    rest: list[str] = []
    formats: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument in {"-o", "--output"}:
            formats.append(next(remaining, ""))
        elif argument.startswith("--output="):
            formats.append(argument.partition("=")[2])
        else:
            rest.append(argument)
    for name in formats:
        if name not in {"text", "json"}:
            raise errors.UsageError(f"--output must be text or json, not “{name}”.")
    return rest, "json" in formats


def _exit_code(error: errors.BotError, arguments: Sequence[str]) -> int:
    if isinstance(error, errors.UsageError):
        return exit_codes.USAGE
    # Invalid data is what check looks for; any other command could not be tried because of it.
    is_found = list(arguments[:1]) == ["check"] and isinstance(error, errors.BadConfiguration)
    return exit_codes.PROBLEM if is_found else exit_codes.UNKNOWN


def _run(arguments: list[str], *, as_json: bool) -> int:
    match arguments:
        case [] | [("--help" | "-h")]:
            print(_usage())  # noqa: T201 - what was asked for
            return exit_codes.OK
        case [verb, *_, ("--help" | "-h")] | ["help", verb] if verb in verbs.LOCAL or verb in verbs.OPERATOR:
            print(verbs.describe(verb))  # noqa: T201 - what was asked for
            return exit_codes.OK
        case ["completion", *rest]:
            return _print_completion(rest)
        case ["version" | "--version"] | ["help"]:
            return _print_locally(_local_report(arguments[0]), as_json=as_json)
        case ["help", *words] if entry := _named(words):
            return _print_locally(_command_help(entry), as_json=as_json)
        case [*words, ("--help" | "-h")] if entry := commands.find(words):
            return _print_locally(_command_help(entry), as_json=as_json)
        case [verb, *rest] if verb in verbs.OPERATOR:
            return _operate(verb, rest)
        case _:
            import asyncio

            return asyncio.run(_dispatch(arguments, as_json=as_json))


def _usage() -> str:
    listed = [(entry.name, entry.summary) for entry in commands.INDEX]
    width = max(len(name) for name in (*verbs.summaries(), *dict(listed)))

    def rows(pairs: Iterable[tuple[str, str]]) -> list[str]:
        return [f"  {name:{width}}  {text}" for name, text in pairs]

    lines = [
        "Usage: posbot COMMAND [ARGUMENTS] [-o json|text]",
        "",
        "Commands, in a terminal and in Slack after /pos:",
        *rows(listed),
        "",
        "Terminal only:",
        *rows((name, verb.summary) for name, verb in verbs.LOCAL.items()),
        "",
        "Operator commands:",
        *rows((name, verb.summary) for name, verb in verbs.OPERATOR.items()),
        "",
        "Options:",
        *rows([("-o, --output", "text (default) or json"), ("-h, --help", "show this help, or that of a command")]),
        "",
        "“posbot help” also lists the procedures, “posbot help COMMAND” shows the options of a command.",
        exit_codes.SUMMARY,
    ]
    return "\n".join(lines)


def _named(words: Sequence[str]) -> commands.Entry | None:
    """Return the command whose whole name or alias *words* are."""
    entry = commands.find(words)
    return entry if entry is not None and " ".join(words).lower() in (entry.name, *entry.aliases) else None


def _local_report(verb: str) -> "reports.Report":
    from bot.config import settings
    from bot.terminal import local

    if verb != "help":
        # It is also asked for where nothing else works.
        try:
            return local.version(settings.Settings.from_environment().runbook_data)
        except errors.BadConfiguration:
            return local.version(None)
    folder = settings.Settings.from_environment().runbook_data
    return local.overview([(entry.name, entry.summary) for entry in commands.INDEX], folder)


def _command_help(entry: commands.Entry) -> "reports.Report":
    from bot.config import settings
    from bot.terminal import local
    from commands import help as help_command

    command = commands.load(entry)
    return help_command.describe(command, local.examples(command, settings.Settings.from_environment().runbook_data))


def _print_locally(report: "reports.Report", *, as_json: bool) -> int:
    from bot.model import invocations
    from bot.terminal import output

    response = invocations.Response(invocation_id="", status=invocations.Status.OK, report=report)
    output.print_response(response, as_json=as_json)
    return output.exit_code(response)


def _print_completion(rest: Sequence[str]) -> int:
    from bot.terminal import completion

    summaries = {entry.name: entry.summary for entry in commands.INDEX} | verbs.summaries()
    match rest:
        case ["bash" | "zsh" | "fish" as shell]:
            print(completion.script(shell, summaries))  # noqa: T201 - what was asked for
            return 0
        case _:
            raise errors.UsageError(
                "completion needs the name of a shell: bash, zsh or fish.", hint="For example: posbot completion bash"
            )


async def _dispatch(arguments: Sequence[str], *, as_json: bool) -> int:
    _collect_rarely()
    from bot import app
    from bot.config import settings
    from bot.dispatch import permissions
    from bot.terminal import cli

    entry = commands.find(arguments)
    # What names no command may name a procedure, or needs every name for a suggestion.
    needs_all = entry is None or entry.needs_procedures
    async with app.assemble(
        settings.Settings.from_environment(),
        commands.load_all() if entry is None or needs_all else (commands.load(entry),),
        command_names=[each.name for each in commands.INDEX],
        team_id=None,
        user_groups=permissions.NoUserGroups(),
        needs_store=False,
        needs_procedures=needs_all,
    ) as core:
        return await cli.run_command(core.dispatcher, arguments, as_json=as_json)


def _collect_rarely() -> None:
    """Let what is imported be scanned seldom: most of it lives until the process ends, and it is a tenth of a start."""
    import gc

    gc.set_threshold(_GC_THRESHOLD, *gc.get_threshold()[1:])


def _operate(verb: str, rest: Sequence[str]) -> int:
    _collect_rarely()
    if verb == "manifest":
        from bot.slack.inbound import manifest

        print(manifest.write(commands.load_all(), _take_url(rest)))  # noqa: T201 - what was asked for
        return 0
    if rest:
        raise errors.UsageError(f"Unexpected argument: {' '.join(rest)}. {verb} takes none.")
    if verb == "schema":
        from bot.procedures import loader

        print(loader.json_schema(commands.load_all()))  # noqa: T201 - what was asked for
        return 0
    if verb == "generate":
        from bot import generate

        stale = generate.write(commands.load_all())
        print("\n".join(f"{path}: written" for path in stale) or "Everything is up to date.")  # noqa: T201 - what was asked for
        return 0
    import asyncio

    from bot import serve
    from bot.config import settings

    work = serve.serve if verb == "serve" else serve.migrate
    return asyncio.run(work(settings.Settings.from_environment(), commands.load_all()))


def _take_url(rest: Sequence[str]) -> str | None:
    match [part for argument in rest for part in argument.split("=", 1)]:
        case []:
            return None
        case ["--url", url]:
            return url
        case _:
            raise errors.UsageError(f"Unexpected argument: {' '.join(rest)}. manifest takes only --url https://….")


if __name__ == "__main__":
    main()
