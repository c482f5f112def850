"""
Runs of procedures: what comes next, and doing it so that it survives the death of the one who does it.

Deciding, planning and telling are pure; only `working.py` performs, and only `bot/store/runs.py` remembers. Commands
see the engine as `desk.py`, and every procedure becomes a command in `offering.py`.
"""
