"""YAML read strictly: every mistake is told with its file, its line, its key and what was expected."""

import pathlib

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import errors
from bot.config import yaml_files


class Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    name: str
    port: int | None = None


class Whole(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    title: str = "none"
    parts: tuple[Part, ...] = ()
    words: tuple[str, ...] = ()
    named: dict[str, Part] = pydantic.Field(default_factory=dict)
    flag: bool = False

    @pydantic.model_validator(mode="after")
    def _names_differ(self) -> "Whole":
        names = [part.name for part in self.parts]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise errors.ValidationError("the name is taken", "parts", index, "name")
        return self


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "whole.yaml"


def load(path: pathlib.Path, text: str) -> Whole:
    path.write_text(text, encoding="utf-8")
    return yaml_files.load(path, Whole)


def mistakes(path: pathlib.Path, text: str) -> list[str]:
    with pytest.raises(errors.BadConfiguration) as caught:
        load(path, text)
    message = str(caught.value)
    return [line.removeprefix(f"{path}:") for line in message.splitlines()]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        pytest.param("title: x\ntitel: y\n", "2: titel: this key is not known here; check its spelling.", id="unknown"),
        pytest.param(
            "parts:\n  - name: a\n    prot: 1\n",
            "3: parts.0.prot: this key is not known here; check its spelling.",
            id="unknown key further in",
        ),
        pytest.param("parts:\n  - port: 1\n", "2: parts.0.name: this key is missing.", id="missing key"),
        pytest.param(
            "title: a\nflag: true\ntitle: b\n", "3: title: the key stands here twice; expected it once.", id="twice"
        ),
        pytest.param(
            "named:\n  a: {name: x}\n  a: {name: y}\n",
            "3: a: the key stands here twice; expected it once.",
            id="twice further in",
        ),
        pytest.param(
            "\n\ntitle: 5\n",
            "3: title: expected a text; a number, true and false are one in quotes.",
            id="number for a text",
        ),
        pytest.param(
            "parts:\n  - name: a\n    port: high\n", "3: parts.0.port: expected a valid integer", id="no number"
        ),
        pytest.param("parts: x\n", "1: parts: expected a list.", id="word for a list"),
        pytest.param(
            "title:\n",
            "1: title: expected a text; a number, true and false are one in quotes.",
            id="nothing for a text",
        ),
        pytest.param(
            "named:\n  a: {name: x, nam: x}\n", "2: named.a.nam: this key is not known", id="within a flow mapping"
        ),
        pytest.param(
            "parts:\n  - name: a\n  - name: b\n  - name: a\n",
            "4: parts.2.name: the name is taken.",
            id="rule between keys",
        ),
        pytest.param("just words\n", "1: the whole file: expected", id="no mapping"),
        pytest.param("- a\n- b\n", "1: the whole file: expected", id="a list"),
        pytest.param("title: [a\n", "2: this is not YAML:", id="bracket not closed"),
        pytest.param("title: 'a\n", "2: this is not YAML:", id="quote not closed"),
        pytest.param("title: a\n b: c\n", "2: this is not YAML:", id="wrong indentation"),
        pytest.param("title:\n\t- a\n", "2: this is not YAML: found character '\\t'", id="tab"),
        pytest.param("title: a\n---\ntitle: b\n", "2: this is not YAML:", id="two documents"),
        pytest.param("title: *nowhere\n", "1: this is not YAML: found undefined alias", id="undefined alias"),
        pytest.param("title: !!python/object:os.system x\n", "1: could not determine a constructor", id="foreign tag"),
        pytest.param(
            "? [a, b]\n: c\n",
            "1: expected a single word as the key; a value that begins with { is written in quotes.",
            id="list for a key",
        ),
        pytest.param(
            "title: x\n? {a: b}\n: c\n",
            "2: expected a single word as the key; a value that begins with { is written in quotes.",
            id="mapping for a key",
        ),
        pytest.param("<<: 3\n", "1: expected a mapping", id="merge of no mapping"),
    ],
)
def test_error_has_line_key_and_expectation(path: pathlib.Path, text: str, mistake: str) -> None:
    assert mistakes(path, text)[0].startswith(mistake)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("title: a\0b\n", id="NUL"),
        pytest.param("title: \x07\n", id="control character"),
        pytest.param("flag: !!int x\n", id="number that is none"),
        pytest.param("title: !!timestamp x\n", id="moment that is none"),
        pytest.param("title: !!float x\n", id="float that is none"),
        pytest.param("title: " + "[" * 1_000, id="bottomless brackets"),
        pytest.param(
            "title: " + "[" * 21_000 + "]" * 21_000,
            id="nesting that libyaml would not survive",
            marks=pytest.mark.slow,
        ),
        pytest.param("title: " + "{a: " * 1_000, id="bottomless braces"),
        pytest.param("- " * 1_000, id="bottomless list"),
    ],
)
def test_invalid_yaml_is_reported_with_its_line(path: pathlib.Path, text: str) -> None:
    path.write_text(text)

    for read in (
        lambda: yaml_files.load(path, Whole),
        lambda: yaml_files.read(path),
        lambda: yaml_files.parse_all(path.read_text(errors="replace"), path),
    ):
        with pytest.raises(errors.BadConfiguration, match=str(path)):
            read()


def test_all_errors_are_reported_in_the_order_of_the_model(path: pathlib.Path) -> None:
    found = mistakes(path, "title: 1\nparts:\n  - port: x\nmore: 1\n")

    assert [line.split(":")[0:2] for line in found] == [
        ["1", " title"],
        ["3", " parts.0.name"],
        ["3", " parts.0.port"],
        ["4", " more"],
    ]


@pytest.mark.parametrize("text", ["", "\n\n", "# only words\n"], ids=["nothing", "lines", "comment"])
def test_empty_file_is_reported(path: pathlib.Path, text: str) -> None:
    with pytest.raises(errors.BadConfiguration, match=r"whole\.yaml: the file is empty\."):
        load(path, text)


def test_missing_file_is_reported(path: pathlib.Path) -> None:
    with pytest.raises(errors.BadConfiguration, match=r"whole\.yaml: the file is missing\."):
        yaml_files.load(path, Whole)


def test_folder_is_no_file(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.BadConfiguration, match="the file cannot be read"):
        yaml_files.load(tmp_path, Whole)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_file_that_is_not_utf_8_is_reported(path: pathlib.Path, encoding: str) -> None:
    path.write_bytes("title: Ülo\n".encode(encoding))

    with pytest.raises(errors.BadConfiguration, match="the file cannot be read"):
        yaml_files.load(path, Whole)


def test_byte_order_mark_and_line_endings_do_not_matter(path: pathlib.Path) -> None:
    path.write_bytes(b"\xef\xbb\xbftitle: a\r\nflag: true\r\n")

    assert yaml_files.load(path, Whole) == Whole(title="a", flag=True)


@pytest.mark.parametrize("word", ["on", "off", "yes", "no", "On", "NO", "y", "n", "True", "2026-11-23"])
def test_unquoted_word_is_a_text(path: pathlib.Path, word: str) -> None:
    assert load(path, f"title: {word}\nnamed:\n  {word}: {{name: {word}}}\n") == Whole(
        title=word, named={word: Part(name=word)}
    )


@pytest.mark.parametrize(("word", "value"), [("true", True), ("false", False)])
def test_true_and_false_are_booleans(path: pathlib.Path, word: str, *, value: bool) -> None:
    assert load(path, f"flag: {word}\n").flag is value
    assert mistakes(path, f"title: {word}\n") == [
        "1: title: expected a text; a number, true and false are one in quotes."
    ]


def test_anchors_and_merges_are_followed(path: pathlib.Path) -> None:
    whole = load(path, "named:\n  a: &base {name: a, port: 1}\n  b: {<<: *base, name: b}\n  c: *base\n")

    assert whole.named == {"a": Part(name="a", port=1), "b": Part(name="b", port=1), "c": Part(name="a", port=1)}


@pytest.mark.parametrize(
    "text",
    ["parts: &x [*x]\n", "&x\nnamed: *x\n", "title: &x {a: *x}\n", "&x [*x]\n"],
    ids=["list", "the whole", "mapping", "a list of itself"],
)
def test_recursive_alias_is_invalid(path: pathlib.Path, text: str) -> None:
    assert mistakes(path, text)


@pytest.mark.parametrize("key", ["title", "parts", "words", "named", "unknown", "flag"])
def test_billion_laughs_are_rejected(path: pathlib.Path, key: str) -> None:
    levels = ["l0: &l0 [ha, ha]"]
    levels += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 12)]
    text = f"{key}: *l11\n"

    assert mistakes(path, "\n".join([*levels, text]))


def test_every_document_of_a_file_is_returned(path: pathlib.Path) -> None:
    path.write_text("a: 1\n---\na: 2\na: 3\n---\n")

    assert yaml_files.parse_all(path.read_text(errors="replace"), path) == [{"a": 1}, {"a": 3}, None]
    path.write_text("a: 1\na: 2\n")
    assert yaml_files.read(path) == {"a": 2}


@settings(deadline=None)
@given(text=st.one_of(st.text(max_size=60), st.text("ab:-[]{}&*!?|>'\"#%@<=,.~0 1\n\t", max_size=40)))
def test_any_text_is_parsed_or_invalid(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode())

    for read in (
        lambda: yaml_files.load(path, Whole),
        lambda: yaml_files.read(path),
        lambda: yaml_files.parse_all(path.read_text(errors="replace"), path),
    ):
        try:
            outcome: object = read()
        except errors.BadConfiguration as error:
            outcome = error
        assert str(path) in str(outcome) or not isinstance(outcome, errors.BadConfiguration)
