"""
Everything between Slack and the bot's process: the server, the sockets, the signed requests.

Here belong requests and answers in the form they travel in, deliveries with their attempts, and the faults
that strike them. What a method decides is in `methods`; what exists is in `world`.
"""
