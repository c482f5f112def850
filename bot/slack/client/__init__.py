"""Slack's Web API as posbot uses it: every call with a timeout, its retries and its errors. It knows no report."""
