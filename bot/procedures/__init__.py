"""
Procedures as operators write them: read, checked completely, and offered as words to type.

What belongs here: what the files in `runbook_data/procedures/` may say, the two small languages in them, and how a
procedure becomes a command. What does not: doing its steps, which is `bot.runs`. How to tell: nothing here waits for
anything but the moment in which a run is handed over.
"""
