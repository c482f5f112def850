"""
Tests of posbot from outside, against the sandbox: `terminal/` has exit codes, streams and JSON of lines at a terminal,
`conversations/` what people see in Slack, `live_messages/` messages kept up to date through crashes.

What a report says belongs in `unit/`; what the sandbox only imitates, in `real/`.
"""
