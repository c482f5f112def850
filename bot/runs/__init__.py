"""
Runs of procedures: what comes next, and doing it so that it survives the death of the one who does it.

Deciding is pure; only `working.py` performs, and only `bot/store/runs.py` remembers.
"""
