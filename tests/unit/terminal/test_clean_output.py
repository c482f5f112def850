"""No character of foreign text in the output of a terminal moves the cursor, reorders text or hides in it."""

import json

import pytest

from bot.model import reports
from bot.terminal import json_output, output
from tests import builders

FOREIGN = "a\x1b[31mb\x9b31mc\x9dd\x7f\u202ee\u2066\u200b\U000e0041f\u2028g"


@pytest.mark.parametrize("as_json", [True, False])
def test_output_has_no_control_or_format_characters(capsys: pytest.CaptureFixture[str], *, as_json: bool) -> None:
    report = builders.a_report(headline=FOREIGN, sections=(reports.Code(text=FOREIGN),), facts={FOREIGN: FOREIGN})

    output.print_response(builders.an_answer(report), as_json=as_json)

    printed = capsys.readouterr().out
    assert [one for one in printed if not one.isprintable() and one != "\n"] == []


def test_line_of_a_followed_log_has_none_either() -> None:
    line = json_output.write_line(reports.LogEntry(text=FOREIGN, source=FOREIGN))

    assert line.isprintable()
    assert json.loads(line)["text"].endswith("f g")
