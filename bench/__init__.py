"""
Benchmarks, each against a named peer that is measured in the same run, turn by turn.

Here belongs what measures posbot from outside: its processes, its answers, its imports. Every benchmark is a module
with `async def run()` that returns results, and is listed in the table of `__main__`. Nothing here fails for being
slow: machines differ, so the output is ratios with their spread, for a person to read. What a figure should be stands
beside it as its target. `diagnosis` has no peer: it counts how many failed starts are told right. Tests of behaviour
do not belong here, nor anything that patches the bot.

    python -m bench                    all of them
    python -m bench fleet              one of them
"""
