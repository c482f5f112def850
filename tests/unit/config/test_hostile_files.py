"""Files of a checkout and of one's own that would take for ever, or the whole memory, end with a sentence."""

import contextlib
import pathlib

import pytest

from bot import errors
from bot.config import roles, yaml_files
from tests.unit.config import checkouts

SETTINGS = "pos-order/src/main/resources/application.yml"
LAUGHS = "\n".join(
    ["l0: &l0 [ha, ha]", *(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 12)), "x: *l11"]
)


@pytest.fixture
def checkout(tmp_path: pathlib.Path) -> pathlib.Path:
    checkouts.create(tmp_path)
    return tmp_path


def add_module(checkout: pathlib.Path, name: str) -> None:
    pom = checkout / "pom.xml"
    pom.write_text(pom.read_text().replace("<modules>", f"<modules><module>{name}</module>"))


@pytest.mark.parametrize("name", ["..", "../other", "/etc", "pos-order/../.."])
def test_module_outside_of_the_checkout_is_named(checkout: pathlib.Path, name: str) -> None:
    add_module(checkout, name)

    with pytest.raises(errors.BadConfiguration, match="is outside of the checkout"):
        checkouts.found(checkout)


@pytest.mark.parametrize("name", ["x" * 300, "a/" * 3_000])
def test_module_with_an_impossible_name_ends_with_a_sentence(checkout: pathlib.Path, name: str) -> None:
    add_module(checkout, name)

    with contextlib.suppress(errors.BadConfiguration):
        checkouts.found(checkout)


def test_modules_that_list_each_other_are_read_once(checkout: pathlib.Path) -> None:
    names = "".join(f"<module>{'./' * count}.</module>" for count in range(40))
    add_module(checkout, f"pos-order</module>{names}<module>pos-order/../pos-order")

    assert checkouts.found(checkout) == []


@pytest.mark.parametrize("encoding", ["klingon", "utf-7"])
def test_pom_in_an_unknown_encoding_ends_with_a_sentence(checkout: pathlib.Path, encoding: str) -> None:
    (checkout / "pos-order" / "pom.xml").write_text(f'<?xml version="1.0" encoding="{encoding}"?><project/>')

    with pytest.raises(errors.BadConfiguration, match=r"pom\.xml"):
        checkouts.found(checkout)


def test_file_that_is_no_regular_one_is_not_read() -> None:
    with pytest.raises(errors.BadConfiguration, match=r"it is no regular file"):
        yaml_files.load(pathlib.Path("/dev/null"), roles.Roles)


def test_settings_with_endless_aliases_are_not_followed(checkout: pathlib.Path) -> None:
    (checkout / SETTINGS).write_text(LAUGHS)

    assert ("pos-order", "settings", "–", "not YAML", SETTINGS) in checkouts.found(checkout)


def test_compose_file_with_endless_aliases_is_invalid(checkout: pathlib.Path) -> None:
    (checkout / "docker-compose.yml").write_text(
        f"{LAUGHS}\nservices: {{a: {{ports: *l11, healthcheck: {{test: *l11}}}}}}"
    )

    with pytest.raises(errors.BadConfiguration, match="stand for more than"):
        checkouts.found(checkout)


def test_settings_with_values_of_maven_are_read(checkout: pathlib.Path) -> None:
    lines = "".join(f"  key{number}: @value{number}@\n" for number in range(40))
    (checkout / SETTINGS).write_text(f"server:\n{lines}  port: @port@\n")

    assert all(one[3] != "not YAML" for one in checkouts.found(checkout))


def test_property_continued_over_many_lines_is_read(checkout: pathlib.Path) -> None:
    path = checkout / "pos-order/src/main/resources/application-default.properties"
    path.write_text("a=" + "x\\\n" * 100_000)

    assert checkouts.found(checkout) == []


def test_long_comment_costs_nothing(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "roles.yaml"
    path.write_text(f"# {'[x ' * 300_000}\nroles: {{}} # {'x' * 300_000}\n")

    assert yaml_files.load(path, roles.Roles) == roles.Roles()


def test_brackets_behind_a_quote_in_a_comment_are_no_comment(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f'x: ["\n# ", {"[" * 1_100}\n')

    with pytest.raises(errors.BadConfiguration):
        yaml_files.read(path)


def test_file_of_many_megabytes_is_refused(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("x" * (yaml_files.MAX_FILE_BYTES + 1))

    with pytest.raises(errors.BadConfiguration, match="larger than 5,000,000 bytes"):
        yaml_files.read(path)
