"""What chat programs do to what people type, undone."""

import re

_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'"})
# Phones and word processors join "--" to one long dash. Only in front of a word it was a flag.
_LONG_DASH = re.compile(r"(?<!\S)[—–―](?=[A-Za-z][\w-])")
# In front of a single letter it was one dash.
_SHORT_DASH = re.compile(r"(?<!\S)[—–―](?=[A-Za-z](?!\S))")
_SPACES = re.compile(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
# Characters without a glyph that come along when text is pasted; they would make a known name unknown.
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]")
_REFERENCE = re.compile(r"<(?P<target>[^<>|]+)(?:\|(?P<label>[^<>]*))?>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


def normalise(text: str) -> str:
    """
    Give *text* as the person meant it.

    Links become their visible text (`<http://x|x>`), channels their name, people their id; smart quotes and long
    dashes become plain ones. Slack escapes `&`, `<` and `>` (docs.slack.dev, formatting), which is undone last, so
    that a typed `<` is never taken for a reference.
    """
    text = _INVISIBLE.sub("", _SPACES.sub(" ", text)).translate(_QUOTES)
    text = _SHORT_DASH.sub("-", _LONG_DASH.sub("--", text))
    text = _REFERENCE.sub(_dereference, text)
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    return text.strip()


def _dereference(match: re.Match[str]) -> str:
    target, label = match["target"], match["label"]
    if target.startswith("@"):
        return target[1:]
    if target.startswith(("#", "!")):
        return label or target[1:]
    return label or target
