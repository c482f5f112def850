"""
Where a value ends that stands behind the name of a secret, and which values are none.

Positions are those of RE2 over ASCII. A value that does not end, such as an unclosed quote, ends with its line.
"""

import functools
import itertools
import re
from typing import Any

import re2


def latin1(pattern: str) -> Any:
    """Return *pattern* compiled for ASCII bytes."""
    options = re2.Options()
    # A byte is a character here; UTF-8 makes programs of negated classes four times as large.
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 32_000_000
    return re2.compile(pattern.encode(), options)


STRONG = (
    r"passw(?:or)?d|passphrase|passwort|passcode|kennwort|mot de passe|contrase\Wa|senha|pwd|secret|token|credential|"
    r"authori[sz]ation|signature|cookie|user\.info|security[ ._-]?answer|session[ ._-]?id|sessid|csrf|xsrf|jaas|"
    r"pswd|client[ ._-]?assertion|code[ ._-]?verifier|device[ ._-]?code|samlresponse|remember[ ._-]?me\b|"
    r"dockerconfigjson|dockercfg|authn?[ ._-]?data|connection[ ._-]?string|"
    r"(?:api|access|private|account|signing|encryption|decryption|encrypt|master|shared|jwt|hmac|storage|license|auth|"
    r"client|ssh|rsa|tls|ssl|symmetric|server|crypto|cipher|recovery|security|functions?|subscription|sentry|webhook|"
    r"admin|consumer|vapid|aes|crypt)[ ._-]?key"
)
"""Words that a name of a secret contains."""
SHORT = r"(?:db|user|root|admin|mail|smtp|ftp|ldap|redis|pg|mysql|key|store)?(?:pass|pw)"
"""A short name of a password, by itself or right behind what it opens."""
SECRET_NAME = latin1(rf"(?i){STRONG}|(?:^|[ ._-])(?:{SHORT}|psk|otp|pin|pincode|creds?)$")
_ABOUT = latin1(
    r"(?i)(?:^|[._-])(?:secret-?store|cookiecutter|secretary|tokeniz\w*)|(?:passwordless|tokeniz\w*)|"
    r"(?:password|passwd|secret|token|credential|authorization|signature|cookie|key|session_?id)s?[._-]?"
    r"(?:name|ref|refs|keyref|key_?ref|ur[il]|endpoint|address|type|types|policy|polic(?:y|ies)|length|len|size|count|limit|max|min|ttl|"
    r"expir\w*|lifetime|timeout|age|interval|version|path|file|dir|directory|location|provider\w*|store|class|format|encod\w*|"
    r"algorithm|alg|status|state|enabled|required|valid\w*|usage|used|budget|per\w+|bucket|rate|id_?field|field|label|hint|"
    r"strength|rotat\w*|manager|service|filter|controller|repository|factory|config\w*|handler|client|generator|resolver|"
    r"serializ\w*|interceptor|exception|error|failure|impl|utils?|helper|bean|job|task|scheduler|listener|properties|processor|"
    r"parser|decoder|cache|registry|strategy|test|rotator|refresh(?:er|ing|ed)|cleaner|loader|reader|writer|request|response|event|"
    r"aspect|mapper|converter|builder|support|verifier|issuer|entity|dto|model|domain|samesite|same_site|secure|http_?only|prefix|"
    r"header|scope|audience|issued\w*|revoked|reset|change\w*|attempts?|checker|check|source|mode|scheme|method|column|index)s?$|"
    r"(?:filter|controller|repository|factory|handler|generator|resolver|serializer|interceptor|scheduler|listener|processor|"
    r"provider|manager|encoder|decoder|validator|converter|service|client|configuration|properties|impl|entity|dto)$|"
    r"(?-i:(?:^|[^\w.])(?:[a-z]\w*\.)+[A-Z]\w*)$|[._-](?:name|refs?|ur[il]|endpoint|types?|policy|length|size|count|limit|"
    r"ttl|expir\w*|timeout|version|path|file|location|provider|class|format|algorithm|alg|status|state|enabled|required|"
    r"attempts|prefix|header|scope|mode|interval|audience|issuer|realm)$|"
    r"\.(?:java|kt|scala|groovy|py|js|ts|go|rb|php|cs)$|(?:exception|error|failure|warning)$|pullsecrets?$|"
    r"(?:max|min|num|total|used|prompt|completion|input|output|count)_?-?tokens?$"
)
_MAX_NAMES = 5_000
_END = r"(?:[)\]}'\"\\.`>\x1a]*(?:[\s,;&<|]|\\+[nrt]|$))"
_NOTHING = (
    r"(?i)(?:null|none|nil|undefined|true|false|yes|no|n/a|empty|unset|disabled|enabled|required|optional|missing|valid|"
    r"invalid|\*+|x{3,}|\x1a+|-+|\.{3,}|\?+|"
    r"\[[a-z ]*(?:protected|redacted|filtered|masked|hidden|removed|secret|sensitive)[a-z ]*\]|"
    r"<[a-z ]*(?:redacted|masked|hidden|nil|none|null|unset|empty|set to|optional|required|not set)[^<>\n]*>|"
    r"\$\{\{?[\w. -]+\}\}?|\$\([\w.-]+\)|\$[A-Z_][A-Z0-9_]*|\{\{[^{}\n]*\}\}|"
    r"%[sdv]|\((?:hidden|none|null|redacted|masked)\))" + _END
)
_ALGORITHM = (
    r"(?:(?:hmac-?)?sha-?(?:1|224|256|384|512)(?:/\d{3})?(?:with(?:rsa|ecdsa|dsa)(?:andmgf1)?)?|md5(?:withrsa)?|"
    r"(?:hmac-?md5|[hrpe]s(?:256|384|512)k?|eddsa|ed25519|ecdsa|rsa(?:ssa-pss|-oaep(?:-\d{3})?|-pss)?|bcrypt|scrypt|"
    r"argon2(?:id|i|d)?|pbkdf2(?:withhmacsha\d{1,3})?|aes(?:[-_/][a-z0-9]{1,20}){0,3}|a(?:128|192|256)(?:gcm)?(?:kw)?|"
    r"aws4-hmac-sha256))"
)
_MESSAGE = (
    r"(?i)(?:rpc error|err(?:or)?s?|fail(?:s|ed|ure)?|unable to|cannot|could not|couldn't|can't|may not|do(?:es)? not|"
    r"doesn't|don't|did not|will|would|invalid|incorrect|wrong|bad|malformed|mismatch|missing|expire[sd]?|unauthorized|"
    r"forbidden|denied|unknown|unsupported|unexpected|timed? ?out|eof|dial tcp|i/o timeout|references|mount\w*|"
    r"(?:must|should|is|are|was|were|has|have|had|can|may) \w+|no such|no \w+|not \w+|null|empty|blank|"
    r"too (?:short|long|weak|old|many)|"
    r"context (?:deadline|canceled)|access (?:is )?denied|status(?: code)?:? \d{3}|[1-5]\d\d [A-Z][a-z]+|"
    r"(?:size|length) must|at least|at most|required|expected|got|received|using|please|see|"
    r"(?:the|a|an|this|your) (?:\w+ )?(?:token|password|secret|value|key|user|signature|credentials?|session|field|"
    r"provided|given|old|new|current|following|server|request|account|login)|"
    r"(?:cipher|crypto\w*|x509|tls|aes|rsa|asn1|jwt|json|yaml|base64|oauth2?): [a-z]+ \w+|"
    r"already|unchanged|rejected|revoked|refused|rotated|created|updated|deleted|loaded|refreshed|renewed|mounted|started|starting|"
    r"verified|validated|verification|validation|configured|provided|present|absent|generated|issued|stored|cached|"
    r"successfully|found|changed|reset|used|ignored|skipped|accepted|retry\w*|ok|done|initialized|"
    r"(?:secret|configmap|serviceaccount|pod|deployment|service|namespace|node|user|role|object|key|field|property|header)s?"
    r" \\*[\"'][\w./-]+\\*[\"'])"
    r"(?:[\s,;:]|[.)!?'\"\\\]}]+[,;:]?(?:\s|$)|\\+[nrt]|$)"
    r"|"
    r"(?i)(?:get|post|head|put|delete|patch) \\*\"?https?:"
)
# IAM's names of what a secret store does (AWS service authorization reference), and the ARNs of its secrets.
_AWS_ACTION = r"(?:(?:[A-Z][a-z]+)+\*|(?:[A-Z][a-z]+){2,5})" + _END + r"|[a-z]{2}(?:-[a-z]+){1,3}-\d:\d*:secret:"
_ARN_NAME = r"[\w/+=.@!-]+" + _END
_ABSENT = r"\s*(?:not found|not exist|is |does |already|cannot|in namespace|could not|was |has |must |should )"
_PROSE = r"[A-Za-z][\w'’-]*(?:[\s,]+[\w'\"().:/’-]+){2,}[.!]?(?:\s|$)"

_ALGORITHM_NAME = rf"(?i)\\*['\"]?{_ALGORITHM}{_END}"
_HARMLESS = latin1(rf"(?:{_NOTHING})|(?:{_ALGORITHM_NAME})")
_HARMLESS_OR_MESSAGE = latin1(rf"(?:{_NOTHING})|(?:{_ALGORITHM_NAME})|(?:{_MESSAGE})")
_MESSAGE_REGEX, _AWS_REGEX = latin1(_MESSAGE), latin1(_AWS_ACTION)
_ARN_REGEX, _ABSENT_REGEX = latin1(_ARN_NAME), latin1(_ABSENT)
_SECRET_NAME = latin1(r"[a-z]+(?:[-/][a-z]+){1,3}(?:[\s,;)]|$)")
_PATH = latin1(r"(?:/[A-Za-z][\w.-]*)+/?(?:[\s,;)]|$)")
_COUNT = latin1(r"\d{1,9}(?:[\s,;)]|$)")
_COUNTED = (b"fencing ", b"lease ")
_MAX_BEFORE = 20
ALGORITHM = latin1(rf"(?i){_ALGORITHM}")

# Of bounded length and without alternatives, so `re` is as linear as RE2, and ten times as fast to call.
_RUN = re.compile(rb"\S{1,1000}")
_NUMBER = latin1(r"[\w.+-]+")
_DOUBLE = latin1(r"\"(?:[^\"\\\n]|\\[^\n])*\"")
_SINGLE = latin1(r"'(?:[^'\\\n]|\\[^\n])*'")
_ESCAPED = latin1(r"\\+[\"']")
_BRACKETS = latin1(r"\"(?:[^\"\\\n]|\\[^\n])*\"|[\[\]{}]")
_CUT = latin1(
    r"[,;]\\*[\"']?[\w.-]+\\*[\"']?\s*[=:]|&(?:amp;)?[\w.%\[\]-]+=|</?[A-Za-z][\w:.-]*/?>|\\*[\"'][,;)\]}>]|\\u0026[\w.-]+=|"
    r"\\+[nr](?:\\+[tnr]|[\w.-]+ ?[=:]|at |[\"'])|\\+[nr]$"
)
_TAIL = latin1(r"(?:[,;][\"'\\]*|\\*[\"'][,;)\]}>]*|[)\]}]+[,;.]*|`[,;.)]*)$")
_CHUNK_LENGTH, _OVERLAP = 1_000, 100
"""A value is searched for its end in parts: a line may hold many values."""
_MAX_BRACKETS, _MAX_BRACKETED = 60, 4_000
"""Brackets that are followed, and the bytes within which one must be closed."""
_PLAIN = bytes(range(48, 58)) + bytes(range(65, 91)) + bytes(range(97, 123)) + b"_-+/=.:@!?*$%^~#"
_TAILS = tuple(bytes([one]) for one in b",;\"'\\)]}`.>")
_NEXT_WORD = latin1(r"[ \t]+([^\s=:,;\"'`<>()\[\]{}|&-][^\s=:,;\"'`<>()\[\]{}|&]*)(?:[ \t]|\r?\n|$|[.!](?:\s|$))")
_STOP = frozenset(
    b"for in at from to of on by is was were are and or with as not has have had failed via after before because while "
    b"user username host db database port expired rejected invalid accepted does must should will using when but the a "
    b"an this that then than into over under it its be been could cannot can".split()
)
_MAX_WORDS = 8
_BLOCK = latin1(r"(?:[!&][^\s&;=]{1,100}\s+)?[|>][+-]?\d?[+-]?[ \t]*(?:#[^\n]*)?(?:\r?\n|\\n|$)")
_HEREDOC = latin1(r"[^\n]*?<<[-~]?\s*\\?['\"]?(\w+)['\"]?[^\n]*\n")
_INDENTED = latin1(r"\r?\n([ \t]+)([^\s#:=-][^\n:=]*)(?:\r?\n|$)")
_FRAME = (b"at ", b"Caused by", b"... ", b"Suppressed")


@functools.lru_cache(_MAX_NAMES)
def is_about(name: bytes) -> bool:
    """Return whether *name* says something about a secret instead of holding one."""
    return _ABOUT.search(name.strip(b" -")) is not None and not name.endswith(b"secretsmanager")


def is_harmless(data: bytes, start: int, name: bytes, *, is_spaced: bool) -> bool:
    """Return whether the value at *start* says something that is no secret, of which on-call needs each word."""
    end = min(start + 300, len(data))
    harmless = _HARMLESS_OR_MESSAGE if is_spaced else _HARMLESS
    if harmless.match(data, start, end) is not None:
        return True
    if name.endswith(b"secretsmanager") and _AWS_REGEX.match(data, start, end) is not None:
        return True
    quote = data[start : start + 1] if data[start : start + 1] in (b'"', b"'") else b""
    if quote:
        close = data.find(quote, start + 1, end)
        said = data[start + 1 : close] if close > 0 else b""
        if _HARMLESS.match(said) is not None or (b" " in said and _MESSAGE_REGEX.match(said) is not None):
            return True
        return close > 0 and name.endswith(b"secret") and _ABSENT_REGEX.match(data, close + 1) is not None
    return False


def is_arn(data: bytes, name_start: int, start: int) -> bool:
    """Return whether `secret:` is part of the ARN of a secret, whose name is no secret."""
    is_after_account = name_start > 1 and data[name_start - 1 : name_start] == b":"
    is_after_account = is_after_account and data[name_start - 2 : name_start - 1].isdigit()
    return is_after_account and _ARN_REGEX.match(data, start) is not None


def is_other(data: bytes, name: bytes, begin: int, start: int) -> bool:
    """Return whether the name at *begin* means something else by its value: a Secret's name, a folder, a count."""
    name = name.lower()
    if name == b"secret":
        return data[start - 1 : start] == b" " and _SECRET_NAME.match(data, start) is not None
    if name in (b"pwd", b"oldpwd"):
        return _PATH.match(data, start) is not None
    is_counted = data[max(begin - _MAX_BEFORE, 0) : begin].lower().endswith(_COUNTED)
    return name == b"token" and is_counted and _COUNT.match(data, start) is not None


def end_of_line(data: bytes, start: int) -> int:
    """Return where the line at *start* ends."""
    end = data.find(b"\n", start)
    return len(data) if end < 0 else end


def span_of(data: bytes, start: int, *, is_json: bool, may_continue: bool) -> tuple[int, int]:
    """
    Return begin and end of the value at *start*, without its quotes.

    *is_json*: its name was quoted, so a bare value is a number or a word. *may_continue*: it may have spaces.
    """
    character = data[start : start + 1]
    if data[start : start + 3] in (b'"""', b"'''"):
        close = data.find(data[start : start + 3], start + 3)
        return start + 3, close if close > 0 else len(data)
    if character in (b'"', b"'"):
        return _quoted(data, start)
    if character == b"`" and (close := data.find(b"`", start + 1, end_of_line(data, start))) > 0:
        return start + 1, close
    if character == b"\\" and (escaped := _ESCAPED.match(data, start)) is not None:
        close = data.find(escaped[0], escaped.end(), end_of_line(data, start))
        return escaped.end(), close if close >= 0 else end_of_line(data, start)
    if character in (b"{", b"["):
        end = _balanced(data, start)
        if end < len(data) and data[end : end + 1].strip(b",;)]}>\"'\\&<| \t\r\n"):
            return start, _unquoted(data, end, may_continue=may_continue)
        return start, end
    if is_json:
        number = _NUMBER.match(data, start)
        return start, number.end() if number is not None else start
    if character in (b"|", b">", b"!", b"&") and (block := _BLOCK.match(data, start)) is not None:
        return block.end(), _end_of_block(data, start, block.end())
    heredoc = _HEREDOC.match(data, start) if data.find(b"<<", start, start + _OVERLAP) >= 0 else None
    if heredoc is not None:
        close = data.find(b"\n" + heredoc[1], heredoc.end() - 1)
        return heredoc.end(), close if close > 0 else len(data)
    return start, _unquoted(data, start, may_continue=may_continue)


def continued_line(data: bytes, start: int) -> tuple[int, int] | None:
    """Return the value on the line after a name that ends its own line at *start*, more indented; None for none."""
    match = _INDENTED.match(data, start)
    if match is None or match[2].startswith(_FRAME):
        return None
    line = data.rfind(b"\n", 0, start) + 1
    indent = len(data[line:start]) - len(data[line:start].lstrip(b" \t"))
    return match.span(2) if len(match[1]) > indent else None


def _quoted(data: bytes, start: int) -> tuple[int, int]:
    """Return the text within quotes; with all that is joined to it, as a shell joins `'a'"b"c`."""
    begin = start + 1
    while True:
        regex = _DOUBLE if data[start : start + 1] == b'"' else _SINGLE
        match = regex.match(data, start)
        if match is None:
            return begin, end_of_line(data, start)
        start = match.end()
        following = data[start : start + 1]
        if not following or not following.strip(b",;:)]}>\\&<|/.=+ \t\r\n?!"):
            return begin, start - 1
        if following not in (b'"', b"'"):
            return begin, _unquoted(data, start, may_continue=False)


def _balanced(data: bytes, start: int) -> int:
    """Return where the brackets at *start* are closed, or the end of the line."""
    closing = b"}" if data[start : start + 1] == b"{" else b"]"
    if data.find(closing, start, start + _MAX_BRACKETED) < 0:
        return end_of_line(data, start)
    depth = 0
    for match in itertools.islice(_BRACKETS.finditer(data, start), _MAX_BRACKETS):
        bracket = match[0]
        if bracket in (b"{", b"["):
            depth += 1
        elif bracket in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                return int(match.end())
    return end_of_line(data, start)


def _unquoted(data: bytes, start: int, *, may_continue: bool) -> int:
    end, part = start, start
    while True:
        run = _RUN.match(data, part)
        if run is None:
            break
        cut = _CUT.search(run[0]) if run[0].strip(_PLAIN) else None
        if cut is not None:
            return int(part + cut.start())
        end = int(run.end())
        if end - part < _CHUNK_LENGTH:
            if data[end - 1 : end] != b"\\":
                break
            # A property that is continued on the next line.
            part = _after_break(data, end)
        else:
            part = end - _OVERLAP
    tail = _TAIL.search(data[max(end - _OVERLAP, start) : end]) if data[end - 1 : end] in _TAILS else None
    if tail is not None:
        return end - len(tail[0])
    return _with_words(data, end) if may_continue else end


def _after_break(data: bytes, end: int) -> int:
    rest = end
    while data[rest : rest + 1] in (b"\r", b"\n", b" ", b"\t"):
        rest += 1
    return rest


def _with_words(data: bytes, end: int) -> int:
    """Return the end of the words that follow on the line, up to one that begins something else."""
    for _ in range(_MAX_WORDS):
        word = _NEXT_WORD.match(data, end) if data[end : end + 1] in (b" ", b"\t") else None
        if word is None or word[1].lower() in _STOP:
            break
        end = word.end(1)
    return end


def _end_of_block(data: bytes, start: int, begin: int) -> int:
    """Return the end of a block of YAML: its lines are indented more than the one that it begins on."""
    line = data.rfind(b"\n", 0, start) + 1
    indent = len(data[line:start]) - len(data[line:start].lstrip(b" \t"))
    end = begin
    while end < len(data):
        following = end_of_line(data, end)
        text = data[end:following]
        if text.strip() and len(text) - len(text.lstrip(b" \t")) <= indent:
            break
        end = min(following + 1, len(data))
    return end
