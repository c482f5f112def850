"""
The interface: a cluster that tests, the demo and the benchmarks hold, and the failures of its pods and deployments.

Here belongs what reads like a story: a trouble is a method of `troubles.Pod`, a rollout one of `deployments`. Each
leaves behind the objects, events and logs that a real cluster would. How they are served is in `wire`.
"""
