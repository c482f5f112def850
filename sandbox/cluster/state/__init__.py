"""
What exists: objects and their versions, logs, events, accounts, and the rules by which they are chosen and refused.

Here belongs what is true of a cluster without any request. A new kind of object is a line in `kinds`. Nothing here
knows HTTP or the story that changes the world.
"""
