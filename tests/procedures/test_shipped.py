"""What the shipped procedures say of other things is so: sections, words, names, facts."""

import pytest

import commands
from bot.model import procedures
from bot.procedures import expressions, names, templates
from bot.runbook import loading
from sandbox import data_folders
from tests.procedures import rehearsing

SHIPPED = [rehearsing.shipped(path.stem) for path in sorted(rehearsing.PROCEDURES.glob("*.yaml"))]
COMMANDS = {command.word: command for command in commands.COMMANDS}
_SORTS = {
    procedures.Kind.NUMBER: names.Sort.NUMBER,
    procedures.Kind.FLAG: names.Sort.TRUTH,
    procedures.Kind.DURATION: names.Sort.DURATION,
}


@pytest.mark.parametrize("procedure", SHIPPED, ids=lambda procedure: procedure.id)
def test_the_sections_that_it_names_are_there(procedure: procedures.Procedure) -> None:
    runbook = loading.load(data_folders.PROJECT / "runbook_data").runbook
    links = [procedures.Link.model_validate(step.with_) for step in procedure.all_steps() if step.uses == "link"]

    named = {procedure.doc.section, *(link.section for link in links if link.section)}

    assert named <= {section.marker for section in runbook.sections}


@pytest.mark.parametrize("procedure", SHIPPED, ids=lambda procedure: procedure.id)
def test_every_name_and_every_fact_in_it_means_something(procedure: procedures.Procedure) -> None:
    params = {
        one.name: names.Type(sort=_SORTS.get(one.type, names.Sort.TEXT), words=one.choices) for one in procedure.params
    }
    steps: dict[str, dict[str, names.Type]] = {}
    mistakes: list[str] = []
    for index, step in enumerate(procedure.steps):
        later = frozenset(one.id for one in procedure.steps[index:])
        known = names.Names(params=params, steps=steps, later=later)
        mistakes += expressions.parse(step.when).check(known) if step.when else []
        mistakes += [mistake for value in step.with_.values() for mistake in templates.check(value, known)]
        steps = {**steps, step.id: {name: _type(step, fact) for name, fact in step.save.items()}}

    assert mistakes == []


def _type(step: procedures.Step, fact: str) -> names.Type:
    if step.uses == procedures.MANUAL:
        assert fact in {"answer", "note"}
        return names.Type(sort=names.Sort.TEXT, words=procedures.Manual.model_validate(step.with_).answers)
    return names.Type(sort=names.Sort(COMMANDS[step.uses].facts[fact].value))


def test_no_word_means_two_things() -> None:
    words = [word for one in SHIPPED for word in {one.id, one.command.word, *one.command.aliases}]

    assert len(words) == len(set(words))
    assert not set(words) & set(COMMANDS)


@pytest.mark.parametrize("procedure", SHIPPED, ids=lambda procedure: procedure.id)
def test_its_examples_begin_with_its_words(procedure: procedures.Procedure) -> None:
    words = {procedure.command.word, *procedure.command.aliases}

    assert {example.split()[0] for example in procedure.command.examples} <= words


def test_somebody_is_asked_before_anything_is_taken_back_or_handed_over() -> None:
    asking = {one.id for one in SHIPPED if any(step.uses == procedures.CONFIRM for step in one.steps)}

    assert {"post-deployment", "to-workspace"} <= asking
    assert all(one.effect is procedures.Effect.READ for one in SHIPPED)
