"""
The Web API's methods: one module per family, each with its table.

Here belongs what a method checks and changes, as a plain function from the workspace's state and the
arguments to the answer. HTTP, tokens, scopes, rate limits and faults do not: `sandbox.slack.server.api` sees to
them for all methods alike, by what the tables say. A new method is one function and one row in its family's
table; `catalog` gathers them.
"""
