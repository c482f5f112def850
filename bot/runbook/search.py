"""
Full-text search in the runbook: the best sections, each with its best sentence.

Sections are ranked by the number of query words they contain, then by BM25 (Robertson and Zaragoza, 2009) with the
usual constants over words and word pairs, of the section and its best sentence together. An unknown word stands for
the known words that start with it, or else for the closest spelling.
"""

import collections
import dataclasses
import difflib
import functools
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bot.runbook import markdown, sections

_K1, _B = 1.2, 0.75
_TITLE_WEIGHT = 3
"""A word of the title counts as this many in the text."""
_MIN_PREFIX_LENGTH = 3
_MIN_SIMILARITY = 0.8
_MAX_PREFIX_MATCHES = 5
_MAX_QUERY_WORDS = 12
"""A longer query is a pasted log line, whose start is enough."""
_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SUFFIXES = ("ings", "ing", "ied", "ies", "ed", "es", "s", "e")
_MIN_STEM_LENGTH = 3
_STOP_WORD_LINE = (
    "a an and are at be by can did do does for from has have how i if in is it its my not of on or that the this to "
    "was we what when where which who why with you"
)
_STOP_WORDS = frozenset(_STOP_WORD_LINE.split())
"""Ignored unless the query has no other words."""

_TermCounts = collections.Counter[str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A section that matches a query."""

    section: sections.Section
    sentence: str
    """The best one."""
    stems: frozenset[str]
    """Of the query."""

    def fragments(self) -> Iterator[tuple[str, bool]]:
        """Yield the sentence in fragments, each with whether it matches the query."""
        end = 0
        for match in _WORD.finditer(self.sentence):
            yield self.sentence[end : match.start()], False
            yield match[0], bool(self.stems & set(_stems_of(match[0])))
            end = match.end()
        yield self.sentence[end:], False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    section: sections.Section
    terms: _TermCounts
    sentences: Mapping[str, _TermCounts]


def search(runbook: sections.Runbook, query: str, *, limit: int) -> list[Match]:
    """Return at most *limit* sections of *runbook* that match *query*, the best first."""
    return _index(runbook).search(query, limit=limit)


@functools.lru_cache(maxsize=2)
def _index(runbook: sections.Runbook) -> "_Index":
    return _Index(runbook)


class _Index:
    """Term counts of a runbook."""

    def __init__(self, runbook: sections.Runbook) -> None:
        self._documents = [_document(section) for section in runbook.sections]
        self._frequencies = collections.Counter(term for document in self._documents for term in document.terms)
        """Term → in how many sections it occurs."""
        self._mean_length = _mean_length([document.terms for document in self._documents])
        self._mean_sentence_length = _mean_length(
            [terms for document in self._documents for terms in document.sentences.values()]
        )

    def search(self, query: str, *, limit: int) -> list[Match]:
        """Return at most *limit* sections that match *query*, the best first."""
        words = dict.fromkeys(word.lower() for word in _WORD.findall(query))
        keywords = ([word for word in words if word not in _STOP_WORDS] or list(words))[:_MAX_QUERY_WORDS]
        alternatives = [known for word in keywords if (known := self._known_stems(_stem(word)))]
        stems = frozenset(itertools.chain(*alternatives))
        pairs = (" ".join(pair) for two in itertools.pairwise(alternatives) for pair in itertools.product(*two))
        terms = stems | set(pairs)
        ranked = sorted(
            (self._rank(document, alternatives, terms) for document in self._documents),
            key=lambda ranking: ranking[:2],
            reverse=True,
        )
        return [
            Match(section=document.section, sentence=sentence, stems=stems)
            for count, _, sentence, document in ranked[:limit]
            if count
        ]

    def _known_stems(self, stem: str) -> list[str]:
        """Return *stem* if it occurs in the runbook, else the stems it may stand for."""
        if stem in self._frequencies:
            return [stem]
        singles = [term for term in self._frequencies if " " not in term]
        longer = [known for known in singles if len(stem) >= _MIN_PREFIX_LENGTH and known.startswith(stem)]
        return longer[:_MAX_PREFIX_MATCHES] or difflib.get_close_matches(stem, singles, n=1, cutoff=_MIN_SIMILARITY)

    def _rank(
        self, document: _Document, alternatives: Sequence[Sequence[str]], terms: frozenset[str]
    ) -> tuple[int, float, str, _Document]:
        """Return the number of query words in *document*, its score, its best sentence and itself."""
        count = sum(any(stem in document.terms for stem in stems) for stems in alternatives)
        scores = {
            sentence: self._score(counts, terms, self._mean_sentence_length)
            for sentence, counts in document.sentences.items()
        }
        best = max(scores, key=lambda sentence: scores[sentence], default=document.section.title)
        score = self._score(document.terms, terms, self._mean_length) + scores.get(best, 0.0)
        return count, score, best, document

    def _score(self, counts: _TermCounts, terms: Iterable[str], mean_length: float) -> float:
        length = 1 - _B + _B * counts.total() / mean_length
        return sum(
            self._inverse_frequency(term) * counts[term] * (_K1 + 1) / (counts[term] + _K1 * length) for term in terms
        )

    def _inverse_frequency(self, term: str) -> float:
        frequency = self._frequencies[term]
        return math.log(1 + (len(self._documents) - frequency + 0.5) / (frequency + 0.5))


def _document(section: sections.Section) -> _Document:
    sentences = {
        sentence: collections.Counter(_terms(sentence)) for sentence in markdown.sentences(markdown.parse(section.body))
    }
    counts = sum(sentences.values(), collections.Counter[str]())
    for word in _WORD.findall(f"{section.name} {section.marker}"):
        for stem in _stems_of(word):
            counts[stem] += _TITLE_WEIGHT
    return _Document(section=section, terms=counts, sentences=sentences)


def _mean_length(texts: Sequence[_TermCounts]) -> float:
    return max(sum(counts.total() for counts in texts) / max(len(texts), 1), 1.0)


def _terms(text: str) -> Iterator[str]:
    """Yield the stems of all words and of all pairs of neighbouring words."""
    words = _WORD.findall(text)
    for word in words:
        yield from _stems_of(word)
    yield from (f"{_stem(one)} {_stem(other)}" for one, other in itertools.pairwise(words))


def _stems_of(word: str) -> list[str]:
    """Return the stem of *word* and, if it is written in camel case, those of its parts."""
    parts = _CAMEL_CASE.split(word)
    return [_stem(word), *(map(_stem, parts) if len(parts) > 1 else ())]


def _stem(word: str) -> str:
    """Return *word* without its suffix; a rough stem is enough, since both sides of a comparison get the same."""
    word = word.lower()
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _MIN_STEM_LENGTH:
            return word.removesuffix(suffix)
    return word
