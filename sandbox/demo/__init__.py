"""
A short incident to watch, and then a workspace to try things in: `python -m sandbox.demo`, or `make demo`.

Everything runs on this machine: sandboxed services, a sandboxed Slack, and a real `posbot serve` between them. Here
belongs what is told and in which order; how a message looks is in `preview`, what happens to services in `faults`.
"""
