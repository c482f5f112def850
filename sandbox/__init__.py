"""
A sandboxed workspace that ships with the project: the demo, the tests and the benchmarks run against it.

Here belong local stand-ins that are as strict as what they stand in for: Slack, services, a cluster, metrics.
They speak the real protocols over loopback, keep everything in memory, and can misbehave on demand. Nothing in
here is imported by the bot or its commands, and nothing in here imports them.
"""
