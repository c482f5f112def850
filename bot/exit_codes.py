"""
The exit codes of `posbot`, the same for every command line; README has this table.

| code | means | for example |
| --- | --- | --- |
| 0 | ok | healthy, done, shown; also an empty list, and a run that was cancelled as requested |
| 1 | problem found | unhealthy or degraded, a failed check, a difference, invalid data in `check`, a failed run |
| 2 | usage | unknown command, option or name, invalid value, confirmation missing; nothing was tried |
| 3 | unknown | no response, permission denied, timed out, invalid configuration, a run that waits for input |
| 130 | interrupted | Ctrl-C, as shells write it: 128 and the number of the signal |
"""

OK = 0
PROBLEM = 1
USAGE = 2
UNKNOWN = 3
INTERRUPTED = 130
SUMMARY = "Exit codes: 0 ok, 1 problem found, 2 usage, 3 unknown, 130 interrupted."
