"""
The logs of pods: bytes as they come from the cluster → entries, filtered, bounded, in the order of time.

Here belongs what knows how a Java service writes its log and how much of it may be held. Bytes flow one way: `cutting`
makes lines of them, `joining` entries of lines, `selecting` takes those that were asked for, `keeping` holds the last
of them, `reading` does so for all pods at once and `following` for as long as somebody looks.
"""
