"""
The runbook as people read it: sections found by marker or number, Markdown as report sections, full-text search.

Belongs here: everything about `runbook.md`. Does not: the YAML files beside it (bot/config, bot/procedures).
"""
