"""
Slack messages as a person sees them: in a terminal, and as a page that looks like Slack.

Here belongs how Block Kit looks. `posts` and `blocks` read what the bot posted into the few `elements` that a drawing
is made of; `terminal` and `pages` draw those. What is posted, and whether Slack would take it, is none of its business.
"""
