"""
The interface: people who act and look, and the workspace that tests, the demo and the benchmarks hold.

Here belongs what reads like a story. A new act of a person is a method of `people.Person`; what tests may
look into is in `evidence`. The rules of Slack are elsewhere.
"""
