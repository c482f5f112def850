"""
The workspace itself: what exists in it, what it remembers, and the clock it lives by.

Here belong the nouns (channels, messages, records), the state that holds them, the rights that run out, the
rate limits, and what a message may say. Nothing here knows of HTTP, of sockets, or of who drives the
workspace.
"""
