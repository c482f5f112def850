"""All methods by name."""

from sandbox.slack.methods import apps, chat, conversations, files, people, reactions, reading, tables, views

METHODS_BY_NAME: dict[str, tables.Method] = {
    method.name: method
    for family in (apps, chat, conversations, files, reactions, people, reading, views)
    for method in family.METHODS
}
