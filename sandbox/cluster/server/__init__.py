"""
The API server: discovery, lists and watches, logs, authentication and roles, and fault injection.

Here belongs what a request meets, in the order in which a real API server does it: who asks, may they, is there
such a thing, and then the answer. What exists is in `world`, and nothing here changes it.
"""
