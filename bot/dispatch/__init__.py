"""
From an invocation to a response: the one path between every entry point and every command.

What belongs here: parsing, permissions, the audit log, de-duplication, timeouts, redaction. Rule: what an entry point
could forget belongs here. Dispatch never posts, never renders, and raises nothing but cancellation.
"""
