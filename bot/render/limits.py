"""
How much of each thing fits into one Slack message or App Home.

The figures are Slack's published ones for Block Kit (docs.slack.dev/reference/block-kit/blocks) but for
MESSAGE_CHARACTERS: chat.postMessage refuses messages whose blocks hold some 12,000 characters in total
(`msg_blocks_too_long`), which no page says, so this stays well below.
"""

MESSAGE_CHARACTERS = 10_000
MESSAGE_BLOCKS = 50
HOME_BLOCKS = 100
TABLE_ROWS = 100
TABLE_COLUMNS = 20
PLAN_TASKS = 50
BUTTONS = 5
"""Slack takes 25 in a block; more than five are no help."""
BUTTON_TEXT = 75
BUTTON_VALUE = 2_000
LIST_DEPTH = 8
LINK = 300
LINK_TEXT = 100
"""Ours, not Slack's: several links share a footer."""
NOTE = 500
"""Ours as well: a longer one would not fit into a line."""
NOTIFICATION_TEXT = 3_000
"""The text beside the blocks, for notifications and screen readers; chat.update refuses more than 4,000."""
HEADLINE = 1_000
LOG_LINE = 1_000
"""Ours too: one line that is longer would take the place of many."""
LOG_LINES = 2_000
"""The most that a message could hold, if they were empty but for their marks."""
