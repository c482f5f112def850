"""
Redaction against detect-secrets: forms of secrets that are masked, words that are left alone, and time per megabyte.

The forms are those of tests/cases/redaction.yaml. A form counts for detect-secrets if it reports the secret, or a text
that contains it; a word counts if it reports nothing.
"""

import asyncio
import dataclasses
import json
import pathlib
import tempfile
import time
from collections.abc import Sequence

import yaml

from bench import results, subprocesses
from bot.dispatch import redaction

PEER = "detect-secrets==1.5.0"
CASES = pathlib.Path(__file__).resolve().parents[1] / "tests" / "cases" / "redaction.yaml"
SECRET = "hunter2hunter2"  # noqa: S105 - nobody's
LINES = 1_000
_SCAN_SECONDS = 600.0
_HEAD = "2026-11-27T09:00:02.114Z  INFO 1 --- [nio-8080-exec-1] c.p.order."
LOGS = {
    "no word of secrets": f"{_HEAD}OrderController : order 4711 accepted in 12 ms",
    "words of secrets": f"{_HEAD}TokenFilter : the token of session 4711 was refreshed, its key is in the cache",
    "JSON": '{"@timestamp":"2026-11-27T09:00:02.114Z","level":"INFO","message":"order priced","token":"ab12cd34ef56"}',
    "a secret in each line": f"{_HEAD}Login : user=alice password={SECRET} accepted",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A text and what must not be seen of it; nothing for words that are left alone."""

    group: str
    text: str
    secret: str = ""


async def run() -> results.Results:
    """Return rates by group, and seconds per megabyte."""
    forms, logs = load(), {name: "\n".join([line] * LINES) for name, line in LOGS.items()}
    with tempfile.TemporaryDirectory(prefix="posbot-bench-") as name:
        folder = pathlib.Path(name)
        results.log(f"redaction: installing {PEER}")
        python = await subprocesses.install(folder / "peer", PEER)
        found, _ = await _scan(python, folder, [form.text for form in forms])
        peer_seconds = {name: (await _scan(python, folder, [text]))[1] for name, text in logs.items()}
    ours = [_is_right(form, redaction.Redactor([]).text(form.text)) for form in forms]
    peers = [_is_found(form, values) for form, values in zip(forms, found, strict=True)]
    rates = [
        (group, str(sum(form.group == group for form in forms)), _rate(forms, ours, group), _rate(forms, peers, group))
        for group in dict.fromkeys(form.group for form in forms)
    ]
    comparisons = tuple(_compared(name, text, peer_seconds[name]) for name, text in logs.items())
    return results.Results(
        comparisons=comparisons,
        tables=(tuple(results.table(("form", "texts", "posbot", PEER), rates)),),
        remarks=(f"CPU time for a megabyte; the logs are {LINES:,} equal lines.",),
    )


def load() -> list[Form]:
    """Return all forms, then the words that are left alone."""
    cases = yaml.safe_load(CASES.read_text(encoding="utf-8"))
    masked = [
        Form(group=group, text=text.replace("§", SECRET), secret=SECRET if "§" in text else text[-10:])
        for group, texts in cases["forms"].items()
        for text in texts
    ]
    return [*masked, *(Form(group="left alone", text=text) for text in cases["counterforms"])]


def _is_right(form: Form, redacted: str) -> bool:
    if not form.secret:
        return redacted == form.text
    return redaction.MASK in redacted and form.secret not in redacted


def _is_found(form: Form, values: Sequence[str]) -> bool:
    return any(form.secret in value or value in form.secret for value in values) if form.secret else not values


def _rate(forms: Sequence[Form], results_of: Sequence[bool], group: str) -> str:
    own = [is_right for form, is_right in zip(forms, results_of, strict=True) if form.group == group]
    return f"{100 * sum(own) / len(own):.0f} %"


def _compared(name: str, text: str, peer_seconds: float) -> results.Comparison:
    redactor, megabytes = redaction.Redactor([]), len(text) / 1e6
    redactor.text("password=x")
    comparison = results.Comparison(what=f"a megabyte, {name}", peer=PEER, target=1.0)
    for _ in range(3):
        started = time.process_time()
        redactor.texts(text.split("\n"))
        comparison.add((time.process_time() - started) / megabytes, peer_seconds / megabytes)
    return comparison


async def _scan(python: str, folder: pathlib.Path, texts: Sequence[str]) -> tuple[list[list[str]], float]:
    """Return what the peer finds in each text, and its CPU seconds."""
    path, script = folder / "texts.json", pathlib.Path(__file__).with_name("detect_secrets_process.py")
    path.write_text(json.dumps(list(texts)), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(python, str(script), str(path), stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(_SCAN_SECONDS):
        output, _ = await process.communicate()
    scanned = json.loads(output)
    return scanned["found"], scanned["seconds"]
