"""Which logs a question is about."""

import datetime
from collections.abc import Sequence

from bot import errors
from bot.model import reports, workloads
from bot.podlogs import reading

_NAMED = 10


def pods(found: Sequence[workloads.Pod], name: str | None) -> list[workloads.Pod]:
    """
    Give the pods that are meant: all, or those called *name* or whose names end in it.

    Raises:
        errors.NotFound: there is none.
    """
    if name is None:
        return list(found)
    chosen = [pod for pod in found if pod.name == name or pod.name.endswith(f"-{name}")]
    if not chosen:
        names = [pod.name for pod in found]
        raise errors.NotFound("pod", name, names, hint=_there_are(names))
    return chosen


def sources(pods: Sequence[workloads.Pod], container: str, *, is_previous: bool) -> list[reading.Source]:
    """
    Give the logs of *container* in *pods*: of now, and of before a restart; *is_previous* is only the latter.

    Raises:
        errors.NotFound: no pod has such a container.
    """
    names = sorted({one.name for pod in pods for one in pod.containers})
    if pods and container not in names:
        raise errors.NotFound("container", container, names, hint=_there_are(names))
    chosen = []
    for pod in pods:
        one = pod.find_container(container)
        # Of a container that waits for its next start, the node gives the one before as that of now.
        if one is not None and (is_previous or (one.restarts and not one.is_waiting)):
            chosen.append(reading.Source(pod=pod, container=container, is_previous=True))
        if one is not None and not is_previous:
            chosen.append(reading.Source(pod=pod, container=container))
    return chosen


def _there_are(names: Sequence[str]) -> str:
    return f"There {'is' if len(names) == 1 else 'are'}: {', '.join(names[:_NAMED]) or 'none'}."


def with_restarts(entries: Sequence[reports.LogEntry], portions: Sequence[reading.Portion]) -> list[reports.LogEntry]:
    """Give *entries* with a remark where a container was started again."""
    remarks = [_restart(portion.source) for portion in portions if _shows_an_end(portion)]
    both = [*entries, *(remark for remark in remarks if remark is not None)]
    last = datetime.datetime.max.replace(tzinfo=datetime.UTC)
    return sorted(both, key=lambda entry: entry.at or last)


def _shows_an_end(portion: reading.Portion) -> bool:
    container = portion.source.pod.find_container(portion.source.container)
    is_last = container is not None and container.is_waiting
    return bool(portion.entries) and (portion.source.is_previous or is_last)


def _restart(source: reading.Source) -> reports.LogEntry | None:
    container = source.pod.find_container(source.container)
    if container is None or container.last is None:
        return None
    ended = container.last
    then = "waits to be started again" if container.is_waiting else "started again"
    text = f"ended: {ended.reason or 'for no given reason'} ({ended.exit_code}), {then}"
    return reports.LogEntry(text=text, source=source.pod.name, at=ended.finished_at, is_remark=True)
