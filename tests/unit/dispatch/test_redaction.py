"""Secrets do not leave: known values, values behind telling names, and the shapes of tokens."""

import dataclasses
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.dispatch import redaction, secret_names, secret_values
from bot.model import reports
from bot.terminal import json_output
from tests import builders

MASK = redaction.MASK
PLAIN = redaction.Redactor([])
MEGABYTE = 1_000_000
LONG = 20_000


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        pytest.param("password=hunter2", "hunter2", id="equals sign"),
        pytest.param("secretsmanager:hunter2Get", "hunter2Get", id="no action of AWS"),
        pytest.param("secret:GetMeIn42", "GetMeIn42", id="another service"),
        pytest.param("secret=HS256hunter2", "hunter2", id="begins like an algorithm"),
        pytest.param("password=md5:hunter2", "hunter2", id="hash with its algorithm"),
        pytest.param("password=rsa.hunter2", "hunter2", id="algorithm with a suffix"),
        pytest.param("token=error-hunter2", "hunter2", id="begins like a message"),
        pytest.param("token: error-hunter2", "hunter2", id="begins like a message, after a space"),
        pytest.param("token: timeout/hunter2", "hunter2", id="begins like a message, as a path"),
        pytest.param("token: failedhunter2", "hunter2", id="begins like a message, as one word"),
        pytest.param("token: error, password: hunter2", "hunter2", id="secret after a message"),
        pytest.param("BadCredentialsException: password=hunter2", "hunter2", id="secret in an exception"),
        pytest.param("signature: SHA256withRSA, secret: hunter2", "hunter2", id="secret after an algorithm"),
        pytest.param("password: hunter2", "hunter2", id="colon"),
        pytest.param("PASSWORD = hunter2 ", "hunter2", id="capitals and spaces"),
        pytest.param("db password: hunter2", "hunter2", id="two words"),
        pytest.param("spring.datasource.password=hunter2", "hunter2", id="property"),
        pytest.param("spring.datasource.hikari.data-source-properties.password=hunter2", "hunter2", id="long property"),
        pytest.param("POSTGRES_PASSWORD=hunter2", "hunter2", id="environment variable"),
        pytest.param("passwordHash=hunter2", "hunter2", id="name that goes on"),
        pytest.param('{"password": "hunter2", "user": "a"}', "hunter2", id="JSON"),
        pytest.param('{"password":"hun\\"ter2"}', "ter2", id="JSON with an escaped quote"),
        pytest.param('{\\"password\\":\\"hunter2\\"}', "hunter2", id="JSON within JSON"),
        pytest.param('{\\"password\\": \\"hun ter2\\"}', "ter2", id="JSON within JSON with a space"),
        pytest.param("'password' => 'hunter2'", "hunter2", id="arrow"),
        pytest.param('password := "hunter2"', "hunter2", id="assignment"),
        pytest.param("password='hun ter2'", "ter2", id="single quotes"),
        pytest.param('password="hunter2', "hunter2", id="quote that is not closed"),
        pytest.param("<password>hunter2</password>", "hunter2", id="XML"),
        pytest.param("mvn deploy --password hunter2", "hunter2", id="option"),
        pytest.param("--db-password=hunter2", "hunter2", id="option with an equals sign"),
        pytest.param("password=(hun)ter2", "ter2", id="brackets"),
        pytest.param("client_secret=hunter2", "hunter2", id="secret"),
        pytest.param("access_token=hunter2&x=1", "hunter2", id="query"),
        pytest.param("X-Api-Key: hunter2", "hunter2", id="header"),
        pytest.param("api.key=hunter2", "hunter2", id="dotted name"),
        pytest.param("API key: hunter2", "hunter2", id="spaced name"),
        pytest.param("Authorization: Bearer abcdef123456", "abcdef123456", id="bearer"),
        pytest.param("authorization: bearer\tabcdef123456", "abcdef123456", id="bearer after a tab"),
        pytest.param("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz", id="basic"),
        pytest.param("Authorization: Token 12345678", "12345678", id="another scheme"),
        pytest.param("Cookie: theme=dark; SESSION=hunter2", "hunter2", id="second cookie"),
        pytest.param("Set-Cookie: SESSION=hunter2; HttpOnly", "hunter2", id="set cookie"),
        pytest.param("postgresql://pos:hunter2@db:5432/pos", "hunter2", id="URL"),
        pytest.param("postgresql://pos:hun@ter2@db/pos", "ter2", id="URL with an at sign in the password"),
        pytest.param("redis://:hunter2@cache:6379", "hunter2", id="URL without a user"),
        pytest.param("jdbc:postgresql://db/pos?user=pos&password=hunter2", "hunter2", id="JDBC query"),
        pytest.param("jdbc:postgresql://pos:hunter2@db/pos", "hunter2", id="JDBC user info"),
        pytest.param("jdbc:sqlserver://db:1433;user=sa;password=hunter2;x=y", "hunter2", id="JDBC SQL Server"),
        pytest.param("jdbc:oracle:thin:scott/hunter2@//db:1521/x", "hunter2", id="JDBC Oracle"),
        pytest.param("see xoxb-1234567890-abcdef", "1234567890", id="Slack bot token"),
        pytest.param("xoxe.xoxp-1-abcdefghij", "abcdefghij", id="Slack rotated token"),
        pytest.param("xapp-1-A0B1-123456-abcdef", "123456", id="Slack app token"),
        pytest.param("https://hooks.slack.com/services/T00000000/B00000000/hunter2", "hunter2", id="Slack webhook"),
        pytest.param("https://hooks.slack.com/commands/T0/1/hunter2", "hunter2", id="Slack response URL"),
        pytest.param("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "c2lnbmF0dXJl", id="JWT"),
        pytest.param("token-eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "eyJzdWIiOiIxIn0", id="JWT behind a dash"),
        pytest.param("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7", id="AWS key"),
        pytest.param("ghp_0123456789abcdefghij0123456789abcdef", "0123456789", id="GitHub token"),
        pytest.param(
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nhunter2\n-----END RSA PRIVATE KEY-----", "hunter2", id="PEM"
        ),
        pytest.param("-----BEGIN PRIVATE KEY-----\nMIIE\nhunter2", "hunter2", id="PEM that was cut off"),
        pytest.param("-----BEGIN PRIVATE KEY-----\\nhunter2\\n-----END", "hunter2", id="PEM in JSON"),
    ],
)
def test_secret_is_masked_visibly(text: str, secret: str) -> None:
    redacted = PLAIN.text(text)

    assert secret not in redacted
    assert MASK in redacted


@pytest.mark.parametrize(
    "text",
    [
        "UP, 12 ms",
        "http://pos-order.positivity:8080/actuator/health",
        "https://example.com:8443/a@b",
        "mail alice@example.com",
        "the token bucket is empty",
        "no password was given",
        "connection to db:5432 refused",
        "jdbc:postgresql://db:5432/pos",
        "key=value; path=/tmp",
        "java.lang.IllegalStateException: no session",
        "ey, what is this",
        "User: x is not authorized to perform: secretsmanager:GetSecretValue on resource: y",
        "secretsmanager:GetSecretValue",
        '"Action": ["secretsmanager:DescribeSecret", "secretsmanager:Get*"]',
        "on resource: arn:aws:secretsmanager:eu-west-1:000000000000:secret:pos/db-a1b2c3 because",
        "signature: SHA256withRSA",
        "signatureAlgorithm=SHA512withECDSA, version=3",
        '{"token.algorithm": "HS256", "signature": "RS512"}',
        "jwt.signature-algorithm: ES256",
        "password-encoder: bcrypt",
        'MountVolume.SetUp failed for volume "secrets-store-inline" : rpc error: code = Unknown desc = x',
        'MountVolume.SetUp failed for volume "db-credentials" : secret "db-credentials" not found',
        "failed to fetch anonymous token: unexpected status from GET request: 401 Unauthorized",
        'failed to fetch oauth token: Get "https://auth.example.com": dial tcp: lookup failed',
        "o.s.s.a.BadCredentialsException: Bad credentials",
        "io.jsonwebtoken.security.SignatureException: JWT signature does not match",
        "CredentialsProviderError: Could not load credentials",
        "password: must not be blank",
        "Secret: not found",
        "",
    ],
)
def test_text_without_secrets_is_unchanged(text: str) -> None:
    assert PLAIN.text(text) == text


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        pytest.param("password=a, user=b", "password=•••, user=b", id="a list"),
        pytest.param('{"token":"a","user":"b"}', '{"token":"•••","user":"b"}', id="JSON"),
        pytest.param("postgresql://pos:hunter2@db/pos", "postgresql://pos:•••@db/pos", id="URL"),
        pytest.param("?password=a&user=b", "?password=•••&user=b", id="query"),
        pytest.param("<token>a</token><b>c</b>", "<token>•••</token><b>c</b>", id="XML"),
        pytest.param("Cookie: a=b\nHost: c", "Cookie: •••\nHost: c", id="header among others"),
    ],
)
def test_text_around_a_secret_is_unchanged(text: str, redacted: str) -> None:
    assert PLAIN.text(text) == redacted


def test_known_values_are_masked_anywhere() -> None:
    redactor = redaction.Redactor(["s.e+c(ret", "s.e+c(ret and more"])

    assert redactor.text("xs.e+c(retx, s.e+c(ret and more") == f"x{MASK}x, {MASK}"


def test_short_known_value_does_not_mask_words() -> None:
    assert redaction.Redactor(["pos", "", "order"]).text("pos-order is UP") == "pos-order is UP"


def test_algorithm_is_shown_under_a_secret_name() -> None:
    assert PLAIN.pair("signature algorithm", "SHA256withRSA") == ("signature algorithm", "SHA256withRSA")
    assert PLAIN.pair("signature algorithm", "SHA256withRSA hunter2")[1] == MASK


@pytest.mark.parametrize(
    "name", ["password", "DB_PASSWORD", "db password", "set-cookie", "Authorization", "my api key"]
)
def test_any_value_of_a_secret_name_is_masked(name: str) -> None:
    assert PLAIN.pair(name, "x") == (name, MASK)


def test_empty_value_is_shown_as_empty() -> None:
    assert PLAIN.pair("password", "") == ("password", "")


def test_every_part_of_a_report_is_redacted_by_name() -> None:
    table = builders.a_table(("pos-order", "hunter2", "more"), columns=("service", "db password"))
    report = builders.a_report(
        facts={"password": "hunter2", "seconds": 0.5, "healthy": True, "none": None},
        sections=(reports.Fields(pairs=(("token", "hunter2"), ("state", "UP"))), table),
    )

    redacted = PLAIN.report(report)

    assert redacted.facts == {"password": MASK, "seconds": 0.5, "healthy": True, "none": None}
    assert redacted.sections[0] == reports.Fields(pairs=(("token", MASK), ("state", "UP")))
    assert redacted.sections[1] == builders.a_table(("pos-order", MASK, "more"), columns=table.columns)


def test_report_without_secrets_is_unchanged() -> None:
    row = reports.Row(cells=("pos-order", "UP"), verdict=reports.Verdict.OK)
    report = builders.a_report(
        sections=(
            reports.Table(columns=("service", "state"), rows=(row,), title="All"),
            reports.Text(text="Look at the logs.", title="Next"),
            reports.Code(text="GET /"),
            reports.Fields(pairs=(("a", "b"),)),
        ),
        facts={"service": "pos-order", "count": 3},
        next_actions=(reports.NextAction(label="Again", command="health pos-order"),),
        runbook=(reports.Pointer(number="2.2", title="Health", url="https://example.com/#x"),),
    )

    assert PLAIN.report(report) == report


def test_secret_equal_to_a_section_kind_breaks_no_report() -> None:
    report = builders.a_report(sections=(reports.Fields(pairs=(("a", "fields"),)),))

    redacted = redaction.Redactor(["fields"]).report(report)

    assert redacted.sections == (reports.Fields(pairs=(("a", MASK),)),)


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", "a\udcff"], ids=["NUL", "high surrogate", "low surrogate"])
def test_characters_unsupported_by_databases_are_replaced(text: str) -> None:
    redacted = PLAIN.text(text)

    assert redacted.encode()
    assert "\0" not in redacted
    assert redacted.startswith("a")


@pytest.mark.parametrize(
    "unit",
    [
        *("x", "a.", "a+", "a-", " ", '"a', "'", "\\", "=", ":", "--", "--a ", "<", "\n"),
        *("eyJ-", "eyJaaaaaaaa.", "eyJaaaaaaaa.bbbb", "xoxb-", "xapp-1-", "ghp_", "AKIA"),
        *(
            "password",
            "password ",
            'password="',
            "password='",
            "password\\",
            'password\\"',
            "--password",
            "password=\\",
            "password={\n",
            "password: |\n",
            "password <<EOF\n",
            "password:\n  x\n",
            "<password x=",
            "name: password\n",
            "-----END PRIVATE KEY-----\n",
            "secretsmanager:",
            "secretsmanager:Get",
            "1:secret:a",
            "tokenError: ",
            "token: sha256",
            "password: aes-",
        ),
        *("cookie=", "authorization", "bearer ", "basic\t", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----"),
        *("a://", "a://a:", "a://a@", "jdbc:oracle:a:", "hooks.slack.com/", "api key "),
    ],
)
@pytest.mark.timeout(10)
def test_long_line_does_not_block_the_event_loop(unit: str) -> None:
    """What takes the square of the length runs into the timeout; what is linear takes a hundredth of it."""
    line = unit * (LONG // len(unit))

    assert PLAIN.text(line)
    assert PLAIN.text(f"password{line}")


@pytest.mark.parametrize(
    "unit",
    [
        "x",
        *(
            pytest.param(unit, marks=pytest.mark.slow)
            for unit in ("at java.lang.Thread.run(Thread.java:840) ", '{"a":"b"},', "QUJD+/")
        ),
    ],
)
def test_line_of_a_megabyte_is_redacted_to_its_end(unit: str) -> None:
    line = unit * (MEGABYTE // len(unit))

    assert PLAIN.text(f"{line} password=hunter2") == f"{line} password={MASK}"


@pytest.mark.parametrize("quotes", ["'a'\"b\"", "''\"\"", "'a'"])
def test_any_number_of_joined_quotes_is_one_value(quotes: str) -> None:
    assert PLAIN.text("password=" + quotes * 2_000 + " next").endswith(" next")
    assert str(PLAIN.fields({"event": "password=" + quotes * 2_000})["event"])[:-1] == f"password='{MASK}"


def test_what_cannot_be_redacted_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: bytes) -> None:
        raise RecursionError

    monkeypatch.setattr(secret_names, "find", fail)
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]

    assert PLAIN.texts(["password=hunter2", "token=hunter2"]) == [redaction.FAILED, redaction.FAILED]
    assert PLAIN.text("order accepted") == "order accepted"
    assert redaction.FAILED in str(PLAIN.fields({"event": nested}))


def test_texts_beyond_the_bound_of_time_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_MAX_REPORT_SECONDS", 0)
    entries = tuple(reports.LogEntry(text=f"order {number}", source="pod") for number in range(100))
    report = builders.a_report(sections=(reports.Log(entries=entries, name="x.log"),))

    redacted = PLAIN.report(report)

    assert redacted.headline == report.headline
    log = redacted.sections[0]
    assert isinstance(log, reports.Log)
    assert [entry.text for entry in log.entries] == [redaction.CUT, *[MASK] * 99]


def test_text_full_of_secrets_is_masked_as_a_whole() -> None:
    assert "hunter" not in PLAIN.text("password=hunter2;" * 10_000)


@settings(deadline=None)
@given(
    name=st.from_regex(
        secret_values.STRONG, fullmatch=True, alphabet=st.characters(min_codepoint=32, max_codepoint=126)
    )
)
@example(name="connectionString")
@example(name="connectionstring")
def test_each_name_of_a_secret_is_searched_for(name: str) -> None:
    assert MASK in PLAIN.text(f'{name}="zq7xvp2mkd"')


def test_many_known_values_are_masked() -> None:
    redactor = redaction.Redactor(f"secret-{number:04}" for number in range(100))

    assert "secret-" not in redactor.text("secret-0042 secret-0099," * (MEGABYTE // 240))


SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="•\0"), min_size=6, max_size=40)


@settings(deadline=None)
@given(secret=SECRETS, before=st.text(max_size=20), after=st.text(max_size=20))
@example(secret="fields", before="", after="")
@example(secret="password", before="", after="=")
def test_known_secret_remains_nowhere_in_a_report(secret: str, before: str, after: str) -> None:
    text = before + secret + after
    report = reports.Report(
        verdict=reports.Verdict.OK,
        headline=text,
        sections=(
            reports.Table(
                columns=(text, "b"), rows=(reports.Row(cells=("a", text, text)),), title=text, figures=(text,)
            ),
            reports.Fields(pairs=((text, "a"), ("a", text), (text, text)), title=text),
            reports.Code(text=text, title=text),
            reports.Text(text=text, title=text),
        ),
        facts={text: text, "a": text},
        next_actions=(reports.NextAction(label=text, command=text),),
        runbook=(reports.Pointer(number=text, title=text, url=text),),
    )

    redacted = redaction.Redactor([secret, "another secret"]).report(report)

    assert secret not in "\n".join(_texts(dataclasses.asdict(redacted)))
    document = json.loads(json.dumps(json_output.write(builders.an_answer(redacted))))
    assert reports.from_document(reports.to_document(redacted)) == redacted
    assert [section["kind"] for section in document["sections"]] == ["table", "fields", "code", "text"]


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        # Our own names of fields are no part of what was said, and a secret may be called like one of them.
        ours = {"kind", "verdict"}
        keys = [key for key in value if key not in _FIELDS]
        return [*keys, *(text for key, item in value.items() if key not in ours for text in _texts(item))]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


_FIELDS = frozenset(
    field.name
    for kind in (
        reports.Report,
        reports.Table,
        reports.Row,
        reports.Fields,
        reports.Code,
        reports.NextAction,
        reports.Pointer,
    )
    for field in dataclasses.fields(kind)
)
