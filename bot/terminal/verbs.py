"""The verbs of a terminal that are no commands of posbot, and their help."""

from typing import NamedTuple

from bot import exit_codes


class Verb(NamedTuple):
    """What `posbot VERB` does; a dataclass would import `inspect`, which `posbot --help` does without."""

    summary: str
    arguments: str = ""
    details: tuple[str, ...] = ()


LOCAL = {
    "completion": Verb(
        "print a completion script for bash, zsh or fish",
        "bash|zsh|fish",
        ('For bash: eval "$(posbot completion bash)"',),
    ),
}
OPERATOR = {
    "serve": Verb(
        "answer in Slack, over Socket Mode or signed HTTP",
        details=(
            "Reads SLACK_BOT_TOKEN, and SLACK_APP_TOKEN (Socket Mode) or",
            "SLACK_SIGNING_SECRET (signed HTTP). Upgrades the database first.",
            "Serves /healthz, /readyz and /metrics on PORT (8080).",
            "Ends on SIGTERM or Ctrl-C, after in-flight work is drained.",
        ),
    ),
    "manifest": Verb(
        "print the manifest of the Slack app; --url https://… for signed HTTP",
        "[--url URL]",
        ("--url  the public address of this posbot; without one: Socket Mode",),
    ),
    "migrate": Verb(
        "upgrade the database to the newest revision",
        details=("The database is that of DATABASE_URL. serve does this at its start.",),
    ),
    "schema": Verb(
        "print the JSON Schema of procedures, for editors",
        details=("The same as runbook_data/procedure.schema.json.",),
    ),
    "generate": Verb(
        "write the generated files of a checkout anew",
        details=("The Slack manifest, the JSON Schema, and README’s table of commands.",),
    ),
}


def summaries() -> dict[str, str]:
    """Return the summary of each verb."""
    return {name: verb.summary for name, verb in (LOCAL | OPERATOR).items()}


def describe(name: str) -> str:
    """Return the help of the verb *name*."""
    verb = (LOCAL | OPERATOR)[name]
    text = [verb.summary[:1].upper() + verb.summary[1:], *verb.details]
    return "\n".join(
        [f"Usage: posbot {name} {verb.arguments}".rstrip(), "", *(f"  {line}" for line in text), "", exit_codes.SUMMARY]
    )
