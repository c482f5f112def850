"""
What Slack accepts as Block Kit, and what a person reads in it.

Here belongs everything that is true of a block, a message's blocks or a view on its own, without a workspace:
shapes and limits (`shapes`, `objects`, `elements`, `rich_text`, `charts`, `kinds`), the whole check
(`checking`), the ids that Slack fills in (`completing`), and the text and buttons a person sees (`reading`).
Channels, tokens and deliveries do not belong here.

The limits come from the project's notes on Slack, not from the bot: this checks the bot's own limits.
Where two sources disagree, the smaller limit and the fewer surfaces count.
"""
