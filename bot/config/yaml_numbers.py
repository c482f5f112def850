"""
Numbers in YAML that people read differently from its versions 1.1 and 1.2.

PyYAML reads version 1.1: a leading zero is octal (`010` is 8), colons are base 60 (`1:30` is 90). Most people, and most
other tools, do not expect that, and a port or a delay would be wrong without a word.
"""

import re

_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]*[0-9]")
_BASE_60 = re.compile(r"(?P<sign>[-+]?)(?P<digits>[0-9][0-9_]*(?::[0-5]?[0-9])+)(?:\.[0-9_]*)?")
_OCTAL = re.compile(r"[-+]?0o[0-7]{1,20}")
_EXPONENT = re.compile(r"[-+]?[0-9][0-9_]*(?:\.[0-9]*)?[eE][-+]?[0-9]{1,2}")
_MAX_DIGITS = 40


def ambiguity(text: str) -> str | None:
    """Return what may have been meant by the plain scalar *text*, as a sentence; None where it is read as expected."""
    if not 1 < len(text) <= _MAX_DIGITS or not (text[0].isdigit() or text[0] in "+-"):
        return None
    meant = f'or "{text}" in quotes for the text.'
    if _LEADING_ZERO.fullmatch(text):
        digits = text.replace("_", "").lstrip("+-")
        decimal = f"{'-' if text[0] == '-' else ''}{int(digits)}"
        read = (
            f"is read as {int(digits, 8)}, because a leading zero is octal"
            if set(digits) <= set("01234567")
            else ("begins with a zero")
        )
        return f"“{text}” {read}; write {decimal} for the number, {meant}"
    base_60 = _BASE_60.fullmatch(text)
    if base_60 is not None:
        total = 0
        for part in base_60["digits"].replace("_", "").split(":"):
            total = total * 60 + int(part)
        return (
            f"“{text}” is read as the number {base_60['sign'].replace('+', '')}{total}, because colons are base 60;"
            f" write a duration like 1m30s, the number, {meant}"
        )
    if _OCTAL.fullmatch(text):
        value = int(text.replace("0o", ""), 8)
        return f"“{text}” is read as {value} by some versions of YAML; write {value} for the number, {meant}"
    if _EXPONENT.fullmatch(text):
        number = float(text.replace("_", ""))
        shown = int(number) if number.is_integer() else number
        return f"“{text}” is a number to some versions of YAML; write {shown} for the number, {meant}"
    return None
