"""
Who asks for what, and may they: the one door between every frontend and every command.

What belongs here: turning text into typed parameters, permission, the audit record, de-duplication, deadlines,
redaction. How to tell: if a frontend could forget it, it belongs here. Dispatch never posts, never renders, and
never raises anything but cancellation.
"""
