"""
Why a service does not start: observations matched against the rules of `runbook_data/diagnosis.yaml`.

An observation is a text: a log entry, an event or a state. A rule recognises a cause in it. Probes compare times, which
no pattern can. `java` starts a jar on this machine, whose output is diagnosed by the same rules.
"""
