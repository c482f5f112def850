"""
Procedures as operators write them: read, and checked completely.

What belongs here: what the files in `runbook_data/procedures/` may say, the two small languages in them, and what is
wrong with a file. What does not: offering them as words to type and doing their steps, which is `bot.runs`. How to
tell: nothing here waits for anything.
"""
