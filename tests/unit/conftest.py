"""
Tests in their own process, with nothing but local servers where something must answer.

A command is tested here: one posbot is assembled for each module (`commands/app_fixture.py`), a test gives it a line
and reads the report. What shows only from outside belongs in `integration/`.
"""
