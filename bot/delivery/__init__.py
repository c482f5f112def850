"""
What the bot says in Slack of its own accord: how runs stand, what they ask, how they ended.

Each message is brought to the newest state of its run, again and again until Slack shows it; nothing here holds a run
up. What a message says is decided in `bot/runs/telling.py`, and how it looks in `bot/render/`.
"""
