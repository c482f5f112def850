"""
Words found in the runbook: which sections speak of them, and in which sentence.

Sections are ranked by how many of the words they have, and then by BM25 (Robertson and Zaragoza, 2009) with the usual
constants, over words and pairs of words, of the whole section and its best sentence together. A word that stands
nowhere is taken for those that begin with it, or for the one that is spelt most like it.
"""

import collections
import dataclasses
import difflib
import functools
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence

from bot.runbook import markdown, sections

_K1, _B = 1.2, 0.75
_TITLE_WEIGHT = 3
"""A title counts as if it stood there so many times."""
_SHORTEST_BEGINNING = 3
_NEAR = 0.8
_MOST_SPELLINGS = 5
_MOST_WORDS = 12
"""Whoever gives more has pasted a log line; its beginning will do."""
_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_ENDINGS = ("ings", "ing", "ied", "ies", "ed", "es", "s", "e")
_SHORTEST_STEM = 3
_COMMON_LINE = (
    "a an and are at be by can did do does for from has have how i if in is it its my not of on or that the this to "
    "was we what when where which who why with you"
)
_COMMON = frozenset(_COMMON_LINE.split())
"""Looked for only where there is nothing else to look for."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A section that speaks of what was looked for."""

    section: sections.Section
    sentence: str
    """The one that says most of it."""
    words: frozenset[str]
    """The stems that were found."""

    def pieces(self) -> Iterable[tuple[str, bool]]:
        """Give the sentence in pieces, each with whether it is what was looked for."""
        end = 0
        for match in _WORD.finditer(self.sentence):
            yield self.sentence[end : match.start()], False
            yield match[0], bool(self.words & set(_stems_of(match[0])))
            end = match.end()
        yield self.sentence[end:], False


@dataclasses.dataclass(frozen=True, slots=True)
class _Words:
    """How often each stem stands in a text."""

    counts: collections.Counter[str]

    @property
    def length(self) -> int:
        return self.counts.total()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    section: sections.Section
    words: _Words
    sentences: Mapping[str, _Words]


def search(runbook: sections.Runbook, words: str, *, most: int) -> list[Hit]:
    """Give the sections of *runbook* that speak of *words*, the one that says most of them first."""
    return _index_of(runbook).search(words, most=most)


@functools.lru_cache(maxsize=2)
def _index_of(runbook: sections.Runbook) -> "_Index":
    return _Index(runbook)


class _Index:
    """The words of a runbook, counted once."""

    def __init__(self, runbook: sections.Runbook) -> None:
        self._documents = [_document(section) for section in runbook.sections]
        self._holders = collections.Counter(term for one in self._documents for term in one.words.counts)
        self._length = _average([one.words for one in self._documents])
        self._sentence_length = _average([words for one in self._documents for words in one.sentences.values()])

    def search(self, words: str, *, most: int) -> list[Hit]:
        """Give the sections that speak of *words*, the one that says most of them first."""
        given = dict.fromkeys(word.lower() for word in _WORD.findall(words))
        telling = ([word for word in given if word not in _COMMON] or list(given))[:_MOST_WORDS]
        wanted = [spellings for word in telling if (spellings := self._spellings(_stem(word)))]
        every = frozenset(itertools.chain(*wanted))
        pairs = (" ".join(pair) for two in itertools.pairwise(wanted) for pair in itertools.product(*two))
        terms = every | set(pairs)
        found = sorted(
            (self._hit(document, wanted, terms) for document in self._documents), key=lambda pair: pair[0], reverse=True
        )
        return [dataclasses.replace(hit, words=every) for (count, _), hit in found[:most] if count]

    def _spellings(self, stem: str) -> list[str]:
        """Give *stem*, or what it may have been meant for."""
        if stem in self._holders:
            return [stem]
        singles = [term for term in self._holders if " " not in term]
        longer = [known for known in singles if len(stem) >= _SHORTEST_BEGINNING and known.startswith(stem)]
        return longer[:_MOST_SPELLINGS] or difflib.get_close_matches(stem, singles, n=1, cutoff=_NEAR)

    def _hit(
        self, document: _Document, wanted: Sequence[Sequence[str]], terms: frozenset[str]
    ) -> tuple[tuple[int, float], Hit]:
        """Give *document* with how many of the words it has and how much it says of them."""
        count = sum(any(stem in document.words.counts for stem in spellings) for spellings in wanted)
        worth = {
            sentence: self._score(words, terms, self._sentence_length) for sentence, words in document.sentences.items()
        }
        best = max(worth, key=lambda sentence: worth[sentence], default=document.section.title)
        score = self._score(document.words, terms, self._length) + worth.get(best, 0.0)
        return (count, score), Hit(section=document.section, sentence=best, words=terms)

    def _score(self, words: _Words, wanted: Iterable[str], average: float) -> float:
        length = 1 - _B + _B * words.length / average
        counts = ((stem, words.counts[stem]) for stem in wanted)
        return sum(self._weight(stem) * count * (_K1 + 1) / (count + _K1 * length) for stem, count in counts)

    def _weight(self, stem: str) -> float:
        holders = self._holders[stem]
        return math.log(1 + (len(self._documents) - holders + 0.5) / (holders + 0.5))


def _document(section: sections.Section) -> _Document:
    sentences = {
        sentence: _Words(collections.Counter(_terms(sentence)))
        for sentence in markdown.sentences(markdown.parse(section.body))
    }
    counts = sum((words.counts for words in sentences.values()), collections.Counter())
    for stem in _stems(f"{section.name} {section.marker}"):
        counts[stem] += _TITLE_WEIGHT
    return _Document(section=section, words=_Words(counts), sentences=sentences)


def _average(texts: Sequence[_Words]) -> float:
    return max(sum(words.length for words in texts) / max(len(texts), 1), 1.0)


def _terms(text: str) -> Iterable[str]:
    """Give the stems of all words, and each two that stand beside each other."""
    words = _WORD.findall(text)
    yield from _stems(text)
    yield from (f"{_stem(one)} {_stem(other)}" for one, other in itertools.pairwise(words))


def _stems(text: str) -> Iterable[str]:
    for word in _WORD.findall(text):
        yield from _stems_of(word)


def _stems_of(word: str) -> list[str]:
    """Give the stem of *word* and, of one such as CrashLoopBackOff, those of its parts."""
    humps = _HUMP.split(word)
    return [_stem(word), *(map(_stem, humps) if len(humps) > 1 else ())]


def _stem(word: str) -> str:
    """Give *word* without its ending, roughly: the same for both sides of a comparison is enough."""
    word = word.lower()
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word.removesuffix(ending)
    return word
