"""
What chat programs, phones and people do to a typed line, undone.

Every repetition is bounded or cannot backtrack; the text itself is bounded by the parser.
"""

import re
import shlex

MARKS = "`*_~.,;:!?"
"""What people put around or behind a word in chat, and what no name of a command contains."""
_COURTESIES = frozenset({"please", "pls", "plz", "thanks", "thx"})
_OWN_NAME = re.compile(r"^(?:/pos|posbot)(?:\s+|$)")
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'"})
# Hyphens that look like the one of a name: no-break hyphen, figure dash, minus and their like.
_HYPHENS = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2043\u2212\ufe58\ufe63\uff0d", "-"))
# Phones and word processors join "--" to one long dash, or make two of it. Only in front of a word it was a flag.
_LONG_DASH = re.compile(r"(?<!\S)(?:[—–―]{1,2}|-[—–―]|[—–―]-)(?=[A-Za-z][\w-])")
# In front of a single letter it was one dash.
_SHORT_DASH = re.compile(r"(?<!\S)[—–―](?=[A-Za-z](?!\S))")
_SPACES = re.compile(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
# Characters without a glyph that come along when text is pasted; they would make a known name unknown.
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]")
_REFERENCE = re.compile(r"<(?P<target>[^<>|]+)(?:\|(?P<label>[^<>]*))?>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
_WHOLE = re.compile(r"(?P<mark>```|[`*_~\"])(?P<text>[^`\"]+)(?P=mark)")
_CODE_SPAN = re.compile(r"(?<![^\s=])`([^`\n]+)`(?!\S)")


def normalize(text: str) -> str:
    """
    Return *text* as the person meant it, ready to be split like a line of a shell.

    Links become their visible text (`<http://x|x>`), channels their name, people their id; smart quotes and long
    dashes become plain ones, code spans their content. Slack escapes `&`, `<` and `>` (docs.slack.dev, formatting),
    which is undone after that, so that a typed `<` is never taken for a reference.
    """
    text = _INVISIBLE.sub("", _SPACES.sub(" ", text)).translate(_QUOTES).translate(_HYPHENS)
    text = _SHORT_DASH.sub("-", _LONG_DASH.sub("--", text))
    text = _REFERENCE.sub(_dereference, text)
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    text = text.strip()
    whole = _WHOLE.fullmatch(text)
    if whole is not None:
        text = whole["text"].strip()
    text = _CODE_SPAN.sub(lambda match: shlex.quote(match[1]), text)
    return _escape_apostrophes(_OWN_NAME.sub("", text))


def without_ending(words: list[str]) -> list[str] | None:
    """Return *words* without the courtesy or the punctuation at their end; None where there is neither."""
    last = words[-1].rstrip(MARKS)
    if last.lower() in _COURTESIES:
        return words[:-1]
    return [*words[:-1], last] if last and last != words[-1] else None


def _escape_apostrophes(text: str) -> str:
    """
    Return *text* with a backslash before each apostrophe that is none of a pair of quotes.

    A quote opens before a word and closes behind one: the apostrophes of what's and pods' do neither.
    """
    if "'" not in text:
        return text
    parts, quote = [], ""
    for index, character in enumerate(text):
        before = text[index - 1] if index else " "
        if character == '"' and quote != "'":
            quote = "" if quote else character
        elif character == "'" and not quote and before != "\\":
            if not before.isalnum():
                quote = character
            else:
                parts.append("\\")
        elif character == "'" and quote == character:
            if _ends(text, index):
                quote = ""
            else:
                # Within quotes a backslash escapes nothing: they end, and begin anew.
                parts.append("'\\'")
        parts.append(character)
    return "".join(parts)


def _ends(text: str, index: int) -> bool:
    """Return whether the word ends before *index*."""
    return not text[index + 1 : index + 2].isalnum()


def _dereference(match: re.Match[str]) -> str:
    target, label = match["target"], match["label"]
    if target.startswith("@"):
        return target[1:]
    if target.startswith(("#", "!")):
        return label or target[1:]
    return label or target
