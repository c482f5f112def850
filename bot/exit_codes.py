"""
The exit codes of `posbot`, the same for every command line; README has this table.

| code | means | for example |
| --- | --- | --- |
| 0 | ok | healthy, done, listed; also an empty list, and a run that was cancelled as requested |
| 1 | problem found | unhealthy, unreachable or degraded, a failed check or run, a difference, invalid data in `check` |
| 2 | usage | unknown command, option or name, invalid value, not confirmed; nothing was tried |
| 3 | unknown | host does not resolve, permission denied, timed out, invalid configuration, a run that waits for input |
| 130 | interrupted | Ctrl-C, also in followed logs; as shells write it: 128 and the number of the signal |

`run show`, `run log` and `run watch` have the code of the run that they show.
"""

OK = 0
PROBLEM = 1
USAGE = 2
UNKNOWN = 3
INTERRUPTED = 130
SUMMARY = "Exit codes: 0 ok, 1 problem found, 2 usage, 3 unknown, 130 interrupted."
