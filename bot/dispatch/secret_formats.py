"""
Formats of secrets that need no name in front: tokens, keys, hashes, URLs with a password, headers, command lines.

Prefixes are those that vendors publish for secret scanning (GitHub's list of supported patterns, gitleaks' rules).
Each pattern is RE2 over ASCII and finds the secret as its last group that matched, or as a whole.
"""

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Any

from bot.dispatch.secret_values import latin1

Span = tuple[int, int]
"""Begin and end of a secret in a text."""


_TOKENS = (
    r"xox[a-z](?:\.xox[a-z])?-[\w-]{8,}",
    r"xapp-\d-[\w-]{8,}",
    # JWT, with or without signature; JWE has an empty second part.
    r"ey[JK][\w-]{8,}(?:\.[\w-]*)+",
    r"eyJ[\w-]{60,}",
    r"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}",
    r"gh[opsur]_[A-Za-z0-9]{20,}",
    r"github_pat_\w{20,}",
    r"(?:glpat|gldt|glrt|glft|glsoat|gloas|glcbt|glptt|glimt|glagent|glffct|glwt)-[\w.-]{15,}",
    r"[spr]k_(?:live|test|prod)_\w{10,}",
    r"(?:npm|hf|dop_v1|doo_v1|dor_v1|lin_api|gsk|r8|glsa|sntrys|sntryu|shp(?:at|ss|ca|pa)|whsec|rubygems)_[A-Za-z0-9+/=]{20,}",
    r"figd_[\w-]{20,}",
    r"dckr_[po]at_[\w-]{20,}",
    r"tskey-[a-z]+-[\w-]{15,}",
    r"sbp_[0-9a-f]{32,}",
    r"(?:xai|pplx)-[A-Za-z0-9]{30,}",
    r"glc_[A-Za-z0-9+/=]{20,}",
    r"LTAI5t[A-Za-z0-9]{12,}",
    r"key-[0-9a-f]{32}",
    r"(?:pypi|sk-ant|sk-proj|sk-or|sk-svcacct|nvapi|PMAK|NRAK|NRJS|NRII|NRAA|HRKU|GOCSPX|sq0[a-z]{3}|pul|dp\.pt|xkeysib)-[\w-]{16,}",
    r"sk-[A-Za-z0-9]{20,}",
    r"AIza[\w-]{30,}",
    r"ya29\.[\w.-]{10,}",
    r"1//0[\w-]{20,}",
    r"SG\.[\w-]{10,}\.[\w-]{20,}",
    r"hv[sbr]\.[\w-]{10,}",
    r"dapi[0-9a-f]{30,}(?:-\d)?",
    r"[A-Za-z0-9]{10,20}\.atlasv1\.[\w=-]{20,}",
    r"ATATT3[\w=-]{20,}",
    r"ATCTT3[\w=-]{20,}",
    r"AGE-SECRET-KEY-1[A-Za-z0-9]{20,}",
    r"dt0[a-z]\d\d\.[A-Z0-9]{20,}\.[A-Z0-9]{20,}",
    r"ops_ey[\w-]{20,}",
    r"SK[0-9a-f]{32}",
    r"\d{8,10}:AA[\w-]{30,}",
    r"[MNO][\w-]{23,26}\.[\w-]{6}\.[\w-]{27,}",
    # Private keys in DER, with base64's alignment of their first bytes: PKCS #8, PKCS #1, SEC 1, Ed25519, OpenSSH.
    r"MI[IG][A-Za-z0-9+/]{1,6}(?:IBADAN|IBADAQ|IBAAK|CAQAw|AgEAM)[A-Za-z0-9+/=\\nr\s]{16,}",
    r"M[HI][A-Za-z0-9+/]{1,3}(?:CAQEE|gEBB|AgEBB)[A-Za-z0-9+/=]{16,}",
    r"MC4CAQAwBQYDK2V[A-Za-z0-9+/=]{16,}",
    r"b3BlbnNzaC1rZXktdjE[A-Za-z0-9+/=\\nr\s]{16,}",
    # A PEM text in base64, at each of its three alignments.
    r"(?:LS0tLS1CRUdJTi|tLS0tQkVHSU4g|0tLS0tQkVHSU)[A-Za-z0-9+/=]{16,}",
)
_HASHES = (
    r"\$(?:2[abxy]?\$\d\d|[156y]|apr1|argon2(?:id|i|d)?|pbkdf2[\w-]*|scrypt|s0|bcrypt-sha256)\$[\w./+=,$-]{8,}",
    r"\{S?SHA(?:256|384|512)?\}[A-Za-z0-9+/=]{16,}",
    r"pbkdf2_sha\d+\$\d+\$[\w+/=$]{16,}",
)
_WEBHOOKS = (
    r"hooks\.slack\.com/[a-z]+/([\w/.-]+)",
    r"discord(?:app)?\.com/api/webhooks/\d+/([\w-]+)",
    r"\.webhook\.office\.com/webhook\w*/([^\s\"'<>]+)",
    r"(?i)/(?:services|webhooks?|hooks?|incoming|bot)/(?:\d{8,10}:)?([A-Za-z]*\d[\w-]{19,}|[A-Za-z]+\d[\w-]{19,})",
)
_QUERY = (
    r"(?i)(?:[?&;]|&amp;|\\u0026)(?:x-(?:amz|goog)-(?:signature|credential|security-token)|sig|signature|code|key|"
    r"[\w.-]*(?:token|secret|passw(?:or)?d|pwd|api_?key)|auth|access_key|session|sid)=([^\s&\"'<>\\;,]+)"
)
_COMMANDS = (
    r"(?i)\bsshpass\s+-p\s*(\S+)",
    r"\b(?:mysql\w*|mariadb\w*|7z[ar]?)(?:\.exe)?\s(?:[^\n|]*?\s)?-p([^\s-]\S*)",
    r"\b(?:mongo\w*|cqlsh|psexec\w*|impala-shell|beeline)(?:\.exe)?\s(?:[^\n|]*?\s)?-p\s+([^\s-]\S*)",
    r"\b(?:docker|podman|nerdctl|helm registry|buildah|skopeo|oras|crane|az|oc)\s+login\s(?:[^\n|]*?\s)?-p\s+(\S+)",
    r"\bredis-cli\s(?:[^\n|]*?\s)?-a\s+(\S+)",
    r"\bldap\w+\s(?:[^\n|]*?\s)?-w\s*([^\s-]\S*)",
    r"\b(?:zip|unzip|bcp|sqlcmd)\s(?:[^\n|]*?\s)?-P\s*(\S+)",
    r"\b(?:plink|pscp|psftp|putty)(?:\.exe)?\s(?:[^\n|]*?\s)?-pw\s+(\S+)",
    r"\bsmbclient\s(?:[^\n|]*?\s)?-U\s*[^\s%]+%(\S+)",
    r"\bopenssl\s[^\n|]*?\s-[kK]\s+(\S+)",
    r"\bhtpasswd\s+-\w*n\w*\s+\S+\s+(\S+)",
    r"\bhtpasswd\s+-\w*b\w*\s+(?:-\w+\s+)*\S+\s+\S+\s+(\S+)",
    r"\brabbitmqctl\s(?:[^\n|]*?\s)?(?:add_user|change_password|authenticate_user)\s+\S+\s+(\S+)",
    r"\bvault\s+login\s+(?:-\S+\s+)*([^\s=-][^\s=]*)(?:\s|$)",
    r"\bsqlplus\s(?:-\S+\s+)*[^\s/@]+/([^\s@]+)@",
    r"\bnet\s+user\s+\S+\s+([^\s/]\S*)",
    r"(?i)\blogin\s+\S+\s+password\s+(\S+)",
    r"(?i)(?:^|\n|['\"])\s*(?:requirepass|masterauth)\s+(\S+)",
    r"(?i)\b(?:requirepass|masterauth)\s+(\S+)",
    r"\bAUTH\s+(?:PLAIN|LOGIN|CRAM-MD5|XOAUTH2|EXTERNAL)\s+([A-Za-z0-9+/=]{4,})",
    r"\"AUTH\"\s(?:\"[^\"\n]*\"\s)?\"([^\"\n]+)\"",
    r"(?i)\bidentified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:password\s+)?['\"]([^'\"\n]+)",
    r"(?i)\b(?:password|passwd)\s+'([^'\n]+)'",
    r"(?i)\b(?:user|role)\s+\S+\s+(?:with\s+)?(?:encrypted\s+)?password\s+\"([^\"\n]+)\"",
)
_STDIN = (
    r"\becho\s+(?:-n\s+)?['\"]?(?:[\w.-]+:)?([^\s'\"|]+)['\"]?\s*\|\s*(?:sudo\s+)?(?:-S|chpasswd|passwd|docker|podman|helm|oc|"
    r"kinit|gpg|cryptsetup)\b"
)
_DRIVER = r"\b[\w.-]+:([^\s:@/]+)@(?:tcp|udp|unix)\("
_ORACLE = r"(?i)\bjdbc:oracle:[a-z0-9]+:[^\s/@]*/([^\s/]+)@"
_USER = (
    r"(?:^|[\s'\"\[,])(?:-u|-U|--user|--proxy-user|--auth|-a|--creds?|--basic-auth)(?:[\s=]|['\"],\s*)*['\"]?"
    r"[^\s:'\"=-][^\s:'\"]*:([^\s'\"]+)"
)
_URL = r"(?i)\b([a-z][a-z0-9+.-]*)://([^\s/:@\"'<>]*):([^\s\"<>]+)@"
_URL_OF_USER = r"(?i)\b()[a-z][a-z0-9+.-]*://([\w-]{12,})(?::x-oauth-basic)?@"
_SCHEME = r"(?i)\b(bearer|basic|negotiate|ntlm|token|apikey|dpop)\s+([\w.~+/=-]{6,})"
_PEM = (
    r"(-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z0-9 ]*-----(?s:.*?)(?:-----END [A-Z0-9 ]*-----|\z))",
    r"(?i)Private-Lines: \d+\s+((?:[A-Za-z0-9+/=]+\s*)+)",
)
_PEM_END = r"-----END (?:[A-Z0-9]+ )*PRIVATE KEY"
_BASE64_LINE = r"(?m)^[ \t|>\"'+]*[A-Za-z0-9+/]{64}(?:[A-Za-z0-9+/]{12})?[ \t\\nr\"'+]*$"
_BASE64_END = r"([A-Za-z0-9+/](?:[A-Za-z0-9+/=]|\\\\+[nr])*)[\s\"'+|]*$"
_KNOWN_PORTS = r"\d{1,5}(?:[/?#,]|$)"

_ANY = latin1("|".join((*(rf"\b({one})" for one in (*_TOKENS,)), *(rf"({one})" for one in _HASHES))))
_GROUPED = tuple(latin1(one) for one in (*_WEBHOOKS, _QUERY, *_COMMANDS, _STDIN, _DRIVER, _ORACLE, *_PEM))
_URL_OF_USER_REGEX = latin1(_URL_OF_USER)
_VAULT_REGEX = latin1(r"(?:^|[^\w.])()(s\.[A-Za-z0-9]{24})(?:[^\w.]|$)")
_USER_REGEX, _URL_REGEX, _SCHEME_REGEX = latin1(_USER), latin1(_URL), latin1(_SCHEME)
_PEM_END_REGEX, _BASE64_REGEX, _PORTS_REGEX = latin1(_PEM_END), latin1(_BASE64_LINE), latin1(_KNOWN_PORTS)
_BASE64_END_REGEX = latin1(_BASE64_END)
_MIN_BASE64_LINES = 3
_SHORT_WORD, _LONG_WORD = 8, 20
_MAX_PEM_LINES = 200


def find(data: bytes) -> Iterator[Span]:
    """Yield the secrets in *data*, which is ASCII."""
    for match in _ANY.finditer(data):
        yield match.span()
    for regex in _GROUPED:
        for match in regex.finditer(data):
            yield match.span(1)
    for regex, is_secret in _JUDGED:
        for match in regex.finditer(data):
            if is_secret(match):
                yield match.span(match.re.groups)
    yield from _pem_parts(data)


def _is_user_secret(match: Any) -> bool:
    # `docker run --user 1000:1000` names a user and a group.
    return not match[1].isdigit() and not match[1].startswith((b"$", b"{{", b"<"))


def _is_url_password(match: Any) -> bool:
    """Return whether what precedes an @ is a password: a URL of the web may well have a port, and an @ in its path."""
    is_web = match[1].lower().rpartition(b":")[2] in {b"http", b"https", b"ws", b"wss", b"kafka", b"tcp", b"lb"}
    return not (is_web and _PORTS_REGEX.match(match[3]) is not None)


def _is_credential(match: Any) -> bool:
    """Return whether the word behind an authentication scheme is a credential, and no word of a sentence."""
    word = match[2]
    if match[1].lower() == b"basic":
        with_padding = word + b"=" * (-len(word) % 4)
        try:
            return b":" in base64.b64decode(with_padding[: len(with_padding) // 4 * 4])
        except (binascii.Error, ValueError):
            return False
    has_digit = any(bytes([one]).isdigit() for one in word)
    is_mixed = word[1:].lower() != word[1:] and word.upper() != word and len(word) >= _LONG_WORD
    return (has_digit and len(word) >= _SHORT_WORD and b"=" not in word.rstrip(b"=")) or is_mixed


def _has_digit(match: Any) -> bool:
    # Loggers are shortened to the like of s.AnnotationConfigServletContext.
    return any(bytes([one]).isdigit() for one in match[2])


_JUDGED: tuple[tuple[Any, Callable[[Any], bool]], ...] = (
    (_USER_REGEX, _is_user_secret),
    (_URL_REGEX, _is_url_password),
    (_VAULT_REGEX, _has_digit),
    (_URL_OF_USER_REGEX, _has_digit),
    (_SCHEME_REGEX, _is_credential),
)


def _pem_parts(data: bytes) -> Iterator[Span]:
    """Yield what is left of a private key whose first line is missing: lines of base64 before its end, or alone."""
    for match in _PEM_END_REGEX.finditer(data):
        yield from _base64_before(data, match.start())
    if b"BEGIN CERTIFICATE" in data or b"END CERTIFICATE" in data:
        return
    lines: list[Span] = []
    for match in _BASE64_REGEX.finditer(data):
        if lines and data[lines[-1][1] : match.start()].strip(b"\r\n"):
            lines = []
        lines.append(match.span())
        if len(lines) >= _MIN_BASE64_LINES:
            yield lines[0][0], match.end()


def _base64_before(data: bytes, end: int) -> Iterator[Span]:
    """Yield the base64 at the end of each line before *end*, the nearest first, as long as each line has some."""
    for index in range(_MAX_PEM_LINES):
        start = data.rfind(b"\n", 0, end) + 1
        match = _BASE64_END_REGEX.search(data[start:end])
        if match is None:
            if index or data[start:end].strip():
                return
        else:
            yield start + match.start(1), start + match.end(1)
        end = start - 1
        if end < 0:
            return
