"""Tasks in their order: as Slack's plan block with a card for each, or as a list where the workspace has no plans."""

from collections.abc import Iterable, Mapping

from bot.model import reports
from bot.slack.blocks import elements

Block = elements.Block

_STATUSES: Mapping[reports.TaskState, str] = {
    reports.TaskState.PENDING: "pending",
    reports.TaskState.RUNNING: "in_progress",
    reports.TaskState.WAITING: "in_progress",
    reports.TaskState.DONE: "complete",
    reports.TaskState.FAILED: "error",
    reports.TaskState.UNKNOWN: "error",
    # Slack has no status for it, and a skipped step must not look complete.
    reports.TaskState.SKIPPED: "pending",
}
_DESCRIPTIONS: Mapping[reports.TaskState, str] = {
    reports.TaskState.WAITING: "waiting for input",
    reports.TaskState.UNKNOWN: "outcome unknown",
}
_OPEN = frozenset({reports.TaskState.PENDING, reports.TaskState.RUNNING, reports.TaskState.WAITING})
_MAX_TASK_LENGTH = 300
"""Of what is said about one task, where there is room for it."""
_MIN_TASK_LENGTH = 40


def render(plan: reports.Plan, budget: elements.SpaceBudget, *, as_block: bool) -> Iterable[Block]:
    """Yield *plan* as a block of its own kind, or as a list."""
    skipped = sum(task.state is reports.TaskState.SKIPPED for task in plan.tasks)
    executed = sum(task.state not in _OPEN for task in plan.tasks) - skipped
    counts = f"{executed} of {len(plan.tasks)} steps{f', {skipped} skipped' if skipped else ''}"
    heading = plan.title or counts
    shown = plan.tasks[: elements.PLAN_TASKS]
    fair = (budget.characters - len(heading)) // max(len(shown), 1) // 2
    length = min(max(fair, _MIN_TASK_LENGTH), _MAX_TASK_LENGTH)
    tasks = [(task, elements.truncate(task.title, length), _description(task, length)) for task in shown]
    count = budget.take_while_fitting([len(title) + len(text) + 4 for _, title, text in tasks], "steps")
    if len(plan.tasks) > len(shown):
        budget.left_out.append(f"{len(plan.tasks) - len(shown):,} more steps")
    if not count:
        return
    heading = elements.visible(budget.take(heading))
    if as_block:
        cards = [_card(index, *task) for index, task in enumerate(tasks[:count])]
        yield {"type": "plan", "title": heading, "tasks": cards}
    else:
        items = elements.bullets(_item(*task) for task in tasks[:count])
        yield elements.block([elements.section([elements.italic(heading)]), items])


def _description(task: reports.Task, length: int) -> str:
    """Return what there is to say about a task, in one line."""
    detail, status = " ".join(task.detail.split()), " ".join(task.status.split())
    if task.state is reports.TaskState.SKIPPED:
        reason = status or detail
        is_complete = reason.startswith(("skipped", "cancelled"))
        return elements.truncate(reason if is_complete else ": ".join(filter(None, ("skipped", reason))), length)
    text = " · ".join(part for part in (_DESCRIPTIONS.get(task.state, ""), detail, status) if part)
    return elements.truncate(text, length) if text else ""


def _card(index: int, task: reports.Task, title: str, description: str) -> Block:
    # Slack shows the details of open tasks, and the output of completed ones.
    key = "details" if task.state in _OPEN else "output"
    text = {key: elements.block([elements.section([elements.text(description)])])} if description else {}
    return {"type": "task_card", "task_id": f"{index + 1}", "title": title, "status": _STATUSES[task.state], **text}


def _item(task: reports.Task, title: str, description: str) -> Block:
    rest = [elements.text(f" – {description}")] if description else []
    mark = elements.text(f"{elements.TASK_MARKS[task.state]} ")
    return elements.section([mark, elements.bold(title), *rest])
