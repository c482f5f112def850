"""Every form of a secret in the table is masked, and every word that on-call needs is left alone."""

import base64
import html
import json
import pathlib
import urllib.parse

import pytest
import yaml

from bot.dispatch import redaction

CASES = yaml.safe_load(pathlib.Path("tests/cases/redaction.yaml").read_text(encoding="utf-8"))
SECRET = "hunter2hunter2"
WITHOUT_PLACE = {
    "pin=4711": ["4711"],
    '"pin": 4711, "otp":"123456"': ["4711", "123456"],
    "otp=123456": ["123456"],
    "verification code 123456": ["123456"],
    "your code is 123456": ["123456"],
    '{"token":123456789}': ["123456789"],
    '"auth":"dXNlcjpodW50ZXIyaHVudGVyMg=="': ["HVudGVyMg"],
    '{"auths":{"r.io":{"auth":"dXNlcjpodW50ZXIyaHVudGVyMg=="}}}': ["HVudGVyMg"],
    '{\\"pin\\":4711}': ["4711"],
}
PLAIN = redaction.Redactor([])
FORMS = [(group, text) for group, texts in CASES["forms"].items() for text in texts]


def secrets_of(text: str) -> list[str]:
    """Return what must not be seen of a form: the secret, or the last word of one that is a secret by itself."""
    if "§" in text:
        return [SECRET]
    return WITHOUT_PLACE.get(text) or [text.rsplit(maxsplit=1)[-1].rpartition("=")[2].strip("\"{}'")[-12:]]


@pytest.mark.parametrize(("group", "text"), FORMS)
def test_form_of_a_secret_is_masked(group: str, text: str) -> None:
    redacted = PLAIN.text(text.replace("§", SECRET))

    assert redaction.MASK in redacted, group
    assert [one for one in secrets_of(text) if one in redacted] == []


@pytest.mark.parametrize("text", CASES["counterforms"])
def test_words_that_on_call_needs_are_left_alone(text: str) -> None:
    assert PLAIN.text(text) == text


@pytest.mark.parametrize(
    "line",
    [
        '{"token":12345,"user":"b"}',
        '{"a":{"password":{"x":[1,2]}},"user":"b"}',
        '{"msg":"Authorization: Bearer abcdef123456","level":"info"}',
        '{"msg":"login with {\\"pin\\":4711}","level":"info"}',
        '{"msg":"run --password=abc","level":"info"}',
        '{"env":[{"name":"DB_PASSWORD","value":"hunter2hunter2"}],"user":"b"}',
        '{"url":"postgresql://a:hunter2@db/x","cookie":"a=b","password":null,"user":"b"}',
    ],
)
def test_line_of_json_stays_json(line: str) -> None:
    redacted = json.loads(PLAIN.text(line))

    assert redacted.keys() == json.loads(line).keys()
    assert redaction.MASK in str(redacted)


SPELLINGS = {
    "percent": urllib.parse.quote,
    "plus": urllib.parse.quote_plus,
    "json": lambda text: json.dumps(text)[1:-1],
    "broken": lambda text: f"{text[:5]}\n{text[5:]}",
    "broken and escaped": lambda text: f"{text[:5]}\\n{text[5:]}",
    "percent, some": lambda text: text.replace("/", "%2f").replace("h", "%68"),
    "percent, twice": lambda text: urllib.parse.quote(urllib.parse.quote(text, safe=""), safe=""),
    "JavaScript": lambda text: "".join(f"\\u{ord(one):04X}" for one in text),
    "JavaScript, some": lambda text: text.replace("&", "\\u0026").replace("'", "\\x27"),
    "HTML": html.escape,
    "HTML, some": lambda text: text.replace("/", "&#x2F;").replace("&b", "&#38;b"),
    "backslashes": lambda text: text.replace("/", "\\/").replace("&", "\\&"),
    "base64 twice": lambda text: base64.b64encode(base64.b64encode(text.encode())).decode().rstrip("="),
    "hex with colons": lambda text: text.encode().hex(":").upper(),
    "hex": lambda text: text.encode().hex(),
    "reader's": lambda text: "".join(chr(ord(one) + 0xFEE0) if one.isalnum() else one for one in text),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_known_secret_is_masked_in_any_spelling(spelling: object) -> None:
    secret = "c0rrect/hörse&\"b'x"
    assert callable(spelling)

    redacted = redaction.Redactor([secret]).text(f"x {spelling(secret)} y")

    assert redacted == f"x {redaction.MASK} y"
