"""
The kinds of step that a procedure can have: one class each, and the table of them.

Belongs here: what is specific to one kind. Not: what happens between steps, which is `engine/transitions.py`.
"""
