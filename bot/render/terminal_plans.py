"""Tasks that follow each other, for a terminal: one row each, and what changed of them as lines."""

from collections.abc import Iterator, Mapping

import rich.table
import rich.text

from bot.model import reports
from bot.render import cleaning

_MARKS: Mapping[reports.TaskState, tuple[str, str]] = {
    reports.TaskState.PENDING: ("·", "dim"),
    reports.TaskState.RUNNING: ("▸", "cyan"),
    reports.TaskState.WAITING: ("?", "bold yellow"),
    reports.TaskState.DONE: ("✓", "green"),
    reports.TaskState.FAILED: ("✗", "red"),
    reports.TaskState.UNKNOWN: ("?", "magenta"),
    reports.TaskState.LEFT_OUT: ("–", "dim"),
}
_QUIET = frozenset({reports.TaskState.PENDING, reports.TaskState.LEFT_OUT})


def drawn(plan: reports.Plan) -> rich.table.Table:
    """Give all tasks, each with its mark, what it is, and what came of it."""
    grid = rich.table.Table.grid(padding=(0, 2, 0, 0))
    grid.add_column()
    grid.add_column(overflow="fold", max_width=44)
    # rich measures a column of nothing wrongly and then cuts its neighbour.
    grid.add_column(overflow="fold", min_width=1)
    for task in plan.tasks:
        mark, style = _MARKS[task.state]
        quiet = "dim" if task.state in _QUIET else ""
        words = rich.text.Text(cleaning.clean(task.detail), style=quiet)
        if task.status:
            words.append(f" ({cleaning.clean(task.status)})" if task.detail else cleaning.clean(task.status), "dim")
        grid.add_row(rich.text.Text(mark, style), rich.text.Text(cleaning.clean(task.title), quiet), words)
    return grid


def news(plan: reports.Plan, before: reports.Plan | None, without: reports.TaskState) -> Iterator[rich.text.Text]:
    """Give a line for each task that stands otherwise than *before*, but for those that are still to come."""
    known = {task.id: task for task in before.tasks} if before is not None else {}
    for task in plan.tasks:
        if task == known.get(task.id) or task.state in {reports.TaskState.PENDING, without}:
            continue
        mark, style = _MARKS[task.state]
        parts = [part for part in (task.title, task.detail, task.status) if part]
        yield rich.text.Text.assemble((f"{mark} ", style), cleaning.clean(" – ".join(parts)))
