"""
The ways in: Slack over Socket Mode or signed HTTP, the terminal, and the endpoints that watch over the bot itself.

What belongs here: turning what came in into an Invocation, handing it to dispatch, and giving the rendered Answer
back where the question was asked. What does not: anything that would be the same for another way in.
"""
