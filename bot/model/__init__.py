"""
The nouns of posbot: frozen values that cross its layers.

What belongs here: a type that two layers need. No I/O, no clock, no vendor library but pydantic (which checks the
values that enter from outside). How to tell: it would mean the same if Slack, Kubernetes and the terminal were gone.
"""
