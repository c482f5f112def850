"""
What `runbook_data/` says: read strictly, checked completely, turned into the nouns of `bot.model`.

What belongs here: rules about the files that operators edit. What does not: what a person may ask for (commands/)
and how an answer looks (render/). Nothing else in the project reads YAML or Markdown.
"""
