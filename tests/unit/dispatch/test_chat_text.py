"""What chat programs do to a typed line is undone, and nothing else is."""

import contextlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot import errors
from bot.dispatch import chat_text, parser


@pytest.mark.parametrize(
    ("received", "meant"),
    [
        pytest.param("health “pos order”", 'health "pos order"', id="smart double quotes"),
        pytest.param("health „pos order“", 'health "pos order"', id="low double quotes"),
        pytest.param("audit --actor ‘alice’", "audit --actor 'alice'", id="smart single quotes"),
        pytest.param("health order —verbose", "health order --verbose", id="em dash"),
        pytest.param("health order –env prod", "health order --env prod", id="en dash"),
        pytest.param("health order —e prod", "health order -e prod", id="long dash before one letter"),
        pytest.param("—verbose", "--verbose", id="dash at the start"),
        pytest.param("health\u00a0order\u2003prod", "health order prod", id="no-break and em space"),
        pytest.param("he\u200balth \ufefforder\u00ad", "health order", id="zero-width"),
        pytest.param("health \u202eorder\u202c", "health order", id="right-to-left override"),
        pytest.param("\u2068health\u2069", "health", id="isolates"),
        pytest.param("health <http://pos-order.com|pos-order.com>", "health pos-order.com", id="link made of a name"),
        pytest.param(
            "check <https://example.com/a?b=1&amp;c=2>", "check https://example.com/a?b=1&c=2", id="bare link"
        ),
        pytest.param("audit --actor <@U0ALICE>", "audit --actor U0ALICE", id="person"),
        pytest.param("audit --actor <@U0ALICE|alice>", "audit --actor U0ALICE", id="person with a name"),
        pytest.param("services <#C0OPS|ops>", "services ops", id="channel"),
        pytest.param("services <#C0OPS>", "services C0OPS", id="channel without a name"),
        pytest.param("services <!channel>", "services channel", id="broadcast"),
        pytest.param("services <!subteam^S0DEV|@dev>", "services @dev", id="user group"),
        pytest.param("services &lt;script&gt;", "services <script>", id="typed angle brackets"),
        pytest.param("services a &amp;&amp; b", "services a && b", id="ampersands"),
        pytest.param("services &amp;lt;", "services &lt;", id="a typed entity"),
        pytest.param("services &lt;@U0ALICE&gt;", "services <@U0ALICE>", id="a reference that was typed"),
        pytest.param("  health order \n", "health order", id="white space around"),
        pytest.param("logs order ——level warn", "logs order --level warn", id="two em dashes"),
        pytest.param("logs order —–level warn", "logs order --level warn", id="two long dashes"),
        pytest.param("logs order -–level warn", "logs order --level warn", id="hyphen and long dash"),
        pytest.param("health pos‑order", "health pos-order", id="no-break hyphen"),
        pytest.param("logs order −−level warn", "logs order --level warn", id="minus signs"),
        pytest.param("`health pos-order`", "health pos-order", id="all of it code"),
        pytest.param("```health pos-order```", "health pos-order", id="all of it a code block"),
        pytest.param("*health pos-order*", "health pos-order", id="all of it bold"),
        pytest.param("“health pos-order”", "health pos-order", id="all of it in quotes"),
        pytest.param("health `pos-order`", "health pos-order", id="name as code"),
        pytest.param("logs order --grep `connection refused`", "logs order --grep 'connection refused'", id="code"),
        pytest.param("/pos health order", "health order", id="with the slash command"),
        pytest.param("posbot health order", "health order", id="as in a terminal"),
    ],
)
def test_smart_punctuation_and_links_become_plain_text(received: str, meant: str) -> None:
    assert chat_text.normalize(received) == meant


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("health order --env prod", id="a plain line"),
        pytest.param("services 5–10", id="a dash between figures"),
        pytest.param("services a — b", id="a dash between words"),
        pytest.param("services pre—post", id="a dash within a word"),
        pytest.param("services żółć 日本 🚀", id="other letters and emoji"),
        pytest.param("services *y* _z_ ~a~", id="marks"),
    ],
)
def test_plain_text_is_unchanged(text: str) -> None:
    assert chat_text.normalize(text) == text


@settings(deadline=None)
@given(st.text())
@example("<" * 2_000)
@example("<|" * 1_000)
def test_invisible_characters_are_removed_from_any_text(text: str) -> None:
    normalised = chat_text.normalize(text)

    assert not set(normalised) & set("\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2066\u2069\ufeff\u00a0")
    assert normalised == normalised.strip()


def words_of(line: str) -> list[str]:
    """Return the words that a line of chat consists of."""
    return parser._split(chat_text.normalize(line))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("runbook what’s crashloop", ["runbook", "what's", "crashloop"]),
        ("runbook what's crashloop", ["runbook", "what's", "crashloop"]),
        ("runbook the pods’ logs", ["runbook", "the", "pods'", "logs"]),
        ("runbook can't it's won't", ["runbook", "can't", "it's", "won't"]),
        ("logs order --grep 'can’t connect' --tail 5", ["logs", "order", "--grep", "can't connect", "--tail", "5"]),
        ("logs order --grep='a b' it's", ["logs", "order", "--grep=a b", "it's"]),
        ('logs order --grep "it’s down"', ["logs", "order", "--grep", "it's down"]),
        ("audit --actor ‘alice smith’", ["audit", "--actor", "alice smith"]),
        ("runbook what\\'s up", ["runbook", "what's", "up"]),
    ],
)
def test_apostrophe_opens_no_quote(line: str, words: list[str]) -> None:
    assert words_of(line) == words


@settings(deadline=None)
@given(st.text(alphabet="ab '\"\\=-`", max_size=60))
@example("'" * 1_000)
def test_any_quotes_are_a_line_or_a_sentence(text: str) -> None:
    with contextlib.suppress(errors.UsageError):
        assert all(isinstance(word, str) for word in words_of(text))
