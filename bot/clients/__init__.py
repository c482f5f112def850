"""
The only code on the network.

What belongs here: one module per thing that posbot talks to, with that vendor's quirks, errors and limits. A client
gives values of `bot.model` or raises one of `bot.errors`; it never formats and never decides what a person sees.
"""
