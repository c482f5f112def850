"""
Why a service does not start: from what a cluster or a process shows to causes with their evidence.

Here belongs what weighs observations against the table of causes, and what has to be computed because no pattern can
say it. Nothing here asks a cluster, starts anything, or decides how an answer looks.
"""
