"""
The terminal: the same commands for the day when Slack is down, with the same permissions and the same audit record.

Here belongs what prints, colours, follows and asks at a terminal. `cli` runs a command, `display` shows its progress,
`rendering` and `json_output` are the two formats of a response, `local` and `completion` answer without a dispatcher.
"""
