"""From a line to a command and its typed parameters: what fits, what nearly fits, and what is refused."""

import datetime
import enum
import pathlib
from typing import Annotated, Any

import pydantic
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import commands
from bot import command as bot_command
from bot import errors, runbook_data
from bot.dispatch import parser as dispatch_parser
from tests import builders

PROJECT = pathlib.Path(__file__).parents[3]
SHIPPED = runbook_data.load(PROJECT / "runbook_data")
TABLE = {command.name: command for command in commands.load_all()}
PARSER = dispatch_parser.Parser(
    TABLE,
    bot_command.Vocabulary(catalog=SHIPPED.catalog, environments=SHIPPED.environments, commands=tuple(TABLE)),
)

CHAT_OR_NOT = pytest.mark.parametrize("from_chat", [True, False], ids=["chat", "terminal"])


class Colour(enum.StrEnum):
    RED = "red"
    DARK_BLUE = "dark-blue"


class Parameters(bot_command.Parameters):
    """One of every kind."""

    service: Annotated[bot_command.ServiceName, bot_command.Option(positional=True, label="SERVICE")]
    replicas: Annotated[int, pydantic.Field(ge=0, le=10)] = 1
    colour: Colour = Colour.RED
    ratio: float | None = None
    dry_run: Annotated[bool, bot_command.Option(short="-n")] = False
    tags: tuple[str, ...] = ()
    within: Annotated[bot_command.Duration | None, pydantic.Field(gt=datetime.timedelta(0))] = None
    env: bot_command.EnvironmentName


SCALE = builders.a_command("scale", Parameters)


def parse(line: str) -> Any:
    """Give the parameters of a made-up command called scale."""
    parser = dispatch_parser.Parser({"scale": SCALE}, builders.a_vocabulary(("scale",)))
    return parser.parse(f"scale {line}", from_chat=True).parameters


def refusal(line: str) -> errors.UsageError:
    with pytest.raises(errors.UsageError) as caught:
        parse(line)
    return caught.value


def shipped_refusal(line: str, *, from_chat: bool = True) -> errors.UsageError:
    with pytest.raises(errors.UsageError) as caught:
        PARSER.parse(line, from_chat=from_chat)
    return caught.value


@CHAT_OR_NOT
@pytest.mark.parametrize(
    ("word", "example_line"),
    [
        pytest.param(command.name, line, id=line)
        for command in commands.load_all()
        for line in command.examples_for(SHIPPED.catalog, SHIPPED.environments)
    ],
)
def test_every_example_of_a_command_is_parsed(word: str, example_line: str, *, from_chat: bool) -> None:
    parsed = PARSER.parse(example_line, from_chat=from_chat)

    assert parsed.command.name == word


@pytest.mark.parametrize("command", commands.load_all(), ids=lambda command: command.name)
def test_every_command_has_an_example_that_starts_with_its_name(command: bot_command.Command[Any]) -> None:
    assert command.examples
    assert all(line.startswith(command.name) for line in command.examples)


@CHAT_OR_NOT
@pytest.mark.parametrize("line", ["", "   ", "\n"], ids=["empty", "spaces", "line feed"])
def test_empty_line_asks_for_help(line: str, *, from_chat: bool) -> None:
    assert PARSER.parse(line, from_chat=from_chat).command.name == "help"


@pytest.mark.parametrize("line", ["health --help", "health -h", "health order --verbose --help", "HEALTH --help"])
def test_help_flag_shows_the_help_of_a_command(line: str) -> None:
    parsed = PARSER.parse(line, from_chat=True)

    assert (parsed.command.name, parsed.parameters.model_dump()) == ("help", {"word": "health"})


@pytest.mark.parametrize("line", ["--help", "-h", "—help"])
def test_help_flag_alone_asks_for_help(line: str) -> None:
    parsed = PARSER.parse(line, from_chat=True)

    assert (parsed.command.name, parsed.parameters.model_dump()) == ("help", {"word": None})


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        pytest.param("pos-order", {}, id="positional"),
        pytest.param("POS-ORDER", {}, id="capitals"),
        pytest.param("price", {"service": "pos-price"}, id="alias"),
        pytest.param("--replicas 3 pos-order", {"replicas": 3}, id="option before the positional"),
        pytest.param("pos-order --replicas=3", {"replicas": 3}, id="equals sign"),
        pytest.param("pos-order --replicas 0", {"replicas": 0}, id="lower bound"),
        pytest.param("pos-order --replicas 10", {"replicas": 10}, id="upper bound"),
        pytest.param("pos-order --colour dark-blue", {"colour": Colour.DARK_BLUE}, id="enum"),
        pytest.param("pos-order --ratio -0.5", {"ratio": -0.5}, id="negative number"),
        pytest.param("pos-order --dry-run", {"dry_run": True}, id="flag"),
        pytest.param("pos-order -n", {"dry_run": True}, id="short flag"),
        pytest.param("-n pos-order", {"dry_run": True}, id="a flag takes no value"),
        pytest.param("pos-order --tags a --tags 'b c'", {"tags": ("a", "b c")}, id="list"),
        pytest.param("pos-order -e prod", {"env": "prod"}, id="short option"),
        pytest.param("pos-order --env PROD", {"env": "prod"}, id="environment in capitals"),
        pytest.param("pos-order --within 90s", {"within": datetime.timedelta(seconds=90)}, id="seconds"),
        pytest.param("pos-order --within 1h30m", {"within": datetime.timedelta(minutes=90)}, id="hours and minutes"),
        pytest.param("pos-order --within 2H", {"within": datetime.timedelta(hours=2)}, id="unit in capitals"),
    ],
)
def test_arguments_become_typed_values(line: str, changes: dict[str, Any]) -> None:
    expected = {
        "service": "pos-order",
        "replicas": 1,
        "colour": Colour.RED,
        "ratio": None,
        "dry_run": False,
        "tags": (),
        "within": None,
        "env": "staging",
    }

    assert parse(line).model_dump() == expected | changes


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param("", "Missing argument: SERVICE.", id="missing positional"),
        pytest.param("pos-order more", "Unexpected argument: more.", id="one word too many"),
        pytest.param("pos-ordre", "Did you mean “pos-order”", id="misspelt service"),
        pytest.param("nonsense", "There is no service called “nonsense”.", id="unknown service"),
        pytest.param("sales", "There is no service called “sales”.", id="a group where one service is wanted"),
        pytest.param("pos-order --replcas 3", "--replcas", id="misspelt option"),
        pytest.param("pos-order -x", "-x", id="unknown short option"),
        pytest.param("pos-order --replicas", "--replicas", id="option without a value"),
        pytest.param("pos-order --replicas 11", "--replicas must be at most 10.", id="above the range"),
        pytest.param("pos-order --replicas -1", "--replicas must be at least 0.", id="below the range"),
        pytest.param("pos-order --replicas 1.5", "--replicas must be a whole number.", id="no whole number"),
        pytest.param("pos-order --replicas many", "--replicas must be a whole number.", id="no number"),
        pytest.param("pos-order --replicas 1 --replicas 2", "multiple times", id="option twice"),
        pytest.param("pos-order --colour green", "--colour must be “red” or “dark-blue”.", id="not in the enum"),
        pytest.param("pos-order --within 5", "--within: “5” is no duration; write it like 5s, 5m or 5h.", id="no unit"),
        pytest.param("pos-order --within 30m1h", "is no duration", id="units out of order"),
        pytest.param("pos-order --within ''", "is no duration", id="empty duration"),
        pytest.param("pos-order --within -3m", "--within requires", id="negative duration"),
        pytest.param("pos-order --within 0s", "--within must be greater than 0s.", id="duration out of range"),
        pytest.param("pos-order --env prd", "Did you mean “prod”?", id="misspelt environment"),
        pytest.param("pos-order --env ''", "There is no environment called “”.", id="empty environment"),
        pytest.param("''", "There is no service called “”.", id="empty service"),
        pytest.param("pos-order --no-dry-run", "--no-dry-run", id="negated flag"),
        pytest.param("pos-order --dry-run=maybe", "--dry-run", id="flag with a strange value"),
    ],
)
def test_invalid_argument_is_a_usage_error_with_the_usage(line: str, says: str) -> None:
    error = refusal(line)

    assert says in str(error)
    assert error.hint is not None
    assert f"Usage: {SCALE.usage}" in error.hint


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("health order --wait 1h", id="range of a duration"),
        pytest.param("share nonsense", id="pattern"),
        pytest.param("audit --limit 1000", id="range"),
        pytest.param("audit --limit x", id="type"),
        pytest.param("services --tier high", id="enum"),
    ],
)
def test_usage_error_has_no_python_terms(line: str) -> None:
    message = str(shipped_refusal(line))

    for word in ("timedelta", "pattern", "^", "\\d", "class", "None", "validation"):
        assert word not in message


def test_pattern_mismatch_shows_the_description() -> None:
    assert str(shipped_refusal("share x")) == "id must be the id shown under the response."


def test_all_invalid_arguments_are_reported_together() -> None:
    message = str(refusal("nonsense --replicas 99 --env nowhere"))

    assert all(word in message for word in ("nonsense", "--replicas must be", "nowhere"))


@pytest.mark.parametrize("word", ["restart", "Rollback", "scale", "delete", "kill"])
def test_change_of_a_cluster_leads_to_the_runbook(word: str) -> None:
    refused = shipped_refusal(f"{word} pos-order")

    assert str(refused) == f"There is no command called “{word}”: posbot changes nothing in a cluster."
    assert refused.commands == (f"runbook {word.lower()}", "help")


def test_rollout_says_that_it_changes_nothing() -> None:
    refused = shipped_refusal("rollout undo pos-order")

    assert "posbot changes nothing in a cluster. Actions of rollout: status, verify, history." in str(refused)


@pytest.mark.parametrize(("typed", "meant"), [("helth", "triage"), ("unhealty", "unhealthy")])
def test_alias_is_suggested_only_where_it_is_nearest(typed: str, meant: str) -> None:
    names = [builders.a_command("health"), builders.a_command("triage", aliases=("unhealthy", "degraded"))]
    parser = dispatch_parser.Parser({one.name: one for one in names}, builders.a_vocabulary(("health", "triage")))

    with pytest.raises(errors.NotFound) as caught:
        parser.parse(typed, from_chat=True)

    assert caught.value.suggestions == (("health",) if typed == "helth" else (meant,))


def test_misspelt_command_suggests_the_closest() -> None:
    error = shipped_refusal("healht order")

    assert isinstance(error, errors.NotFound)
    assert "health" in error.suggestions
    assert error.commands == ("health order", "help")


@CHAT_OR_NOT
def test_too_long_line_is_rejected_and_not_repeated(*, from_chat: bool) -> None:
    error = shipped_refusal("x" * 2_001, from_chat=from_chat)

    assert str(error) == "That is 2,001 characters; a command has at most 2,000."


def test_line_of_maximum_length_is_parsed() -> None:
    assert "There is no command" in str(shipped_refusal("x" * 2_000))


def test_long_argument_is_shortened_in_the_error() -> None:
    assert len(str(shipped_refusal("health " + "x" * 1_900))) < 200
    assert len(str(shipped_refusal("audit --limit " + "9" * 1_900))) < 200
    assert len(str(shipped_refusal("--" + "x" * 1_900))) < 400
    assert len(str(shipped_refusal("version " + "x" * 1_900))) < 400


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param('health "order', "a quote is opened but not closed", id="double"),
        pytest.param("health 'order", "a quote is opened but not closed", id="single"),
        pytest.param("health order\\", "it ends in a lone backslash", id="backslash"),
    ],
)
def test_unclosed_quote_is_explained(line: str, reason: str) -> None:
    assert reason in str(shipped_refusal(line))


@CHAT_OR_NOT
@pytest.mark.parametrize(
    "word",
    [
        "$(reboot)",
        "`reboot`",
        "../..",
        "/etc/passwd",
        "\0",
        "order;reboot",
        "order|cat",
        "%s%n",
        "{0}",
        "🚀",
        "\x1b[31m",
    ],
)
def test_injection_attempt_is_an_unknown_name(word: str, *, from_chat: bool) -> None:
    assert "There is no service or group called" in str(shipped_refusal(f"health {word}", from_chat=from_chat))


def test_markup_is_an_ordinary_argument() -> None:
    parsed = PARSER.parse("services &lt;script&gt;", from_chat=True)

    assert parsed.parameters.model_dump()["words"] == "<script>"


@pytest.mark.parametrize(
    "line", ["health ord\u200ber", "health \u202eorder", "\u200fhealth\u00a0order", "health “order”"]
)
def test_line_pasted_from_a_page_is_parsed(line: str) -> None:
    assert PARSER.parse(line, from_chat=True).parameters.model_dump()["selection"] == "pos-order"


def test_terminal_line_has_no_chat_markup() -> None:
    parsed = PARSER.parse("services '<http://x|y>'", from_chat=False)

    assert parsed.parameters.model_dump()["words"] == "<http://x|y>"


def test_procedure_parameters_follow_the_same_rules() -> None:
    parameters = PARSER.validate(TABLE["health"], {"selection": "order", "wait": "3m"})

    assert parameters.model_dump() == {
        "selection": "pos-order",
        "env": "staging",
        "verbose": False,
        "wait": datetime.timedelta(minutes=3),
    }


def test_unknown_procedure_parameter_is_named() -> None:
    with pytest.raises(errors.UsageError, match="sekection"):
        PARSER.validate(TABLE["health"], {"sekection": "order"})


WORDS = st.sampled_from(
    [
        *TABLE,
        *(
            "--env",
            "-e",
            "--",
            "-",
            "--help",
            "--verbose",
            "--wait",
            "--limit",
            "--since",
            "--command",
            "--group",
            "=",
            "''",
        ),
        *(
            "order",
            "all",
            "prod",
            "3m",
            "5",
            "-5",
            "1e999",
            "none",
            "@",
            "--env=",
            "--env.x",
            '"',
            "\\",
            "—verbose",
            "[]",
            "{}",
        ),
    ]
)
LINES = st.one_of(st.text(), st.lists(st.one_of(WORDS, st.text(max_size=6)), max_size=8).map(" ".join))


@settings(deadline=None)
@given(line=LINES, from_chat=st.booleans())
@example(line="x" * 3_000, from_chat=True)
@example(line="health \udcff", from_chat=False)
@example(line="audit --limit " + "9" * 1_000, from_chat=True)
@example(line="audit --since 9999h99999m999999s", from_chat=True)
def test_any_line_is_parsed_or_a_usage_error(line: str, *, from_chat: bool) -> None:
    try:
        outcome = PARSER.parse(line, from_chat=from_chat)
    except errors.UsageError as error:
        outcome = error

    if isinstance(outcome, dispatch_parser.Parsed):
        assert isinstance(outcome.parameters, outcome.command.parameters)
    else:
        assert str(outcome)


def test_hidden_alias_is_parsed_but_not_suggested() -> None:
    table = {"rollout": builders.a_command("rollout", hidden_aliases=("deploy",))}
    hidden = dispatch_parser.Parser(table, builders.a_vocabulary(tuple(table)))

    assert hidden.parse("Deploy", from_chat=True).command is table["rollout"]
    assert hidden.find("deploy") is table["rollout"]
    with pytest.raises(errors.NotFound) as caught:
        hidden.parse("deplo", from_chat=True)
    assert caught.value.suggestions == ()


@pytest.mark.parametrize(
    ("former", "name"), [("deploy", "rollout"), ("startup", "diagnose"), ("access", "connectivity")]
)
def test_former_names_are_hidden_aliases(former: str, name: str) -> None:
    assert next(one for one in commands.load_all() if one.name == name).hidden_aliases == (former,)


@pytest.mark.parametrize(
    ("line", "selection"),
    [
        ("health pos-order", "pos-order"),
        ("health order price", "pos-order,pos-price"),
        ("health order,price", "pos-order,pos-price"),
        ("health order, price", "pos-order,pos-price"),
        ("health sales order", "sales,pos-order"),
        ("health `order`", "pos-order"),
        ("health *pos-order*", "pos-order"),
        ("health pos-order.", "pos-order"),
        ("health order please", "pos-order"),
        ("health order price, thanks!", "pos-order,pos-price"),
    ],
)
def test_health_takes_several_services_as_people_type_them(line: str, selection: str) -> None:
    parsed = PARSER.parse(line, from_chat=True)

    assert parsed.parameters.model_dump()["selection"] == selection


@pytest.mark.parametrize("line", ["pods _order_", "pods ~order~ --env `prod`", "pods `pos-order`, please"])
def test_marks_around_a_name_are_ignored(line: str) -> None:
    assert PARSER.parse(line, from_chat=True).parameters.model_dump()["service"] == "pos-order"


@pytest.mark.parametrize(
    ("line", "sentence", "suggested"),
    [
        ("logs order --since 5 minutes", "Unexpected argument: minutes. Write 5m in place of 5 minutes.", "help logs"),
        ("logs order --since 1 day --tail 5", "Write 1d in place of 1 day.", "help logs"),
        ("logs order --tail abc", "--tail must be a whole number.", "help logs"),
        ("pods order price", "pods takes one service; run it for each of them.", "pods order"),
        ("logs order price --since 5m", "logs takes one service; run it for each of them.", "logs order --since 5m"),
        ("pods order,price", "One service at a time; order,price are 2. Run the command for each.", "help pods"),
        ("pods order nonsense", "Unexpected argument: nonsense.", "help pods"),
        ("health ordr", "There is no service or group called “ordr”. Did you mean “order”", "health order"),
        ("pods ordr --env prod", "There is no service called “ordr”. Did you mean “order”", "pods order --env prod"),
        ("health ,", "“,” names no service.", "help health"),
    ],
)
def test_error_names_what_was_meant(line: str, sentence: str, suggested: str) -> None:
    error = shipped_refusal(line)

    assert sentence in str(error)
    assert error.commands[0] == suggested


def test_courtesy_is_part_of_a_text_that_takes_it() -> None:
    assert PARSER.parse("runbook please", from_chat=True).parameters.model_dump()["words"] == ("please",)


@pytest.mark.parametrize("line", ["logs pos-order --grep=-Xmx", "logs pos-order --grep='-Xmx 512m' --tail 5"])
def test_offered_line_asks_the_same_again(line: str) -> None:
    parsed = PARSER.parse(line, from_chat=True)

    again = PARSER.parse(bot_command.command_line(parsed.command.name, parsed.parameters), from_chat=False)

    assert again.parameters == parsed.parameters


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("`health pos-order`", "health pos-order"),
        ("health pos-order.", "health pos-order"),
        ("health pos-order --env prod!", "health pos-order --env prod"),
        ("logs order --since 5m.", "logs order --since 5m"),
        ("health pos‑order", "health pos-order"),
        ("logs pos-order ——level warn", "logs pos-order --level warn"),
        ("`health` order", "health order"),
        ("version.", "version"),
        ("/pos health order, please.", "health order"),
        ("runbook what’s crashloop", 'runbook "what\'s" crashloop'),
    ],
)
def test_line_of_a_chat_is_taken_as_meant(line: str, meant: str) -> None:
    taken, expected = PARSER.parse(line, from_chat=True), PARSER.parse(meant, from_chat=False)

    assert (taken.command.name, taken.parameters) == (expected.command.name, expected.parameters)


def test_punctuation_that_can_be_meant_is_kept() -> None:
    parsed = PARSER.parse("logs pos-order --grep done.", from_chat=True)

    assert parsed.parameters.grep == "done."  # type: ignore[attr-defined]


def test_only_the_beginning_of_a_direct_message_decides_what_it_is() -> None:
    text = "health " + "x" * 50_000

    assert PARSER.or_help(text) == text
    assert PARSER.or_help("x" * dispatch_parser.TEXT_LIMIT + " health") == "help"
