"""Tasks that follow each other, as Slack's plan with a card for each, or as a list where Slack takes no plans."""

from collections.abc import Iterable, Mapping, Sequence

from bot.model import reports
from bot.render import elements, limits, marks, rooms

Block = elements.Block

_STATES: Mapping[reports.TaskState, str] = {
    reports.TaskState.PENDING: "pending",
    reports.TaskState.RUNNING: "in_progress",
    reports.TaskState.WAITING: "in_progress",
    reports.TaskState.DONE: "complete",
    reports.TaskState.FAILED: "error",
    reports.TaskState.UNKNOWN: "error",
    # Slack has no word for it, and what was left out must not look as if it was done.
    reports.TaskState.LEFT_OUT: "pending",
}
_TOLD: Mapping[reports.TaskState, str] = {
    reports.TaskState.WAITING: "waits for an answer",
    reports.TaskState.UNKNOWN: "nobody knows whether it happened",
    reports.TaskState.LEFT_OUT: "left out",
}
_OPEN = frozenset({reports.TaskState.PENDING, reports.TaskState.RUNNING, reports.TaskState.WAITING})
_WORDS = 300
"""Characters that are shown of what is said of one task, where there is room for them."""
_LEAST_WORDS = 40


def drawn(plan: reports.Plan, room: rooms.Room, *, as_block: bool) -> Iterable[Block]:
    """Give *plan* as a block of its own kind, or as a list."""
    heading = plan.title or _counted(plan)
    shown = plan.tasks[: limits.PLAN_TASKS]
    fair = (room.characters - len(heading)) // max(len(shown), 1) // 2
    words = min(max(fair, _LEAST_WORDS), _WORDS)
    tasks = [(task, elements.fitted(task.title, words), _said(task, words)) for task in shown]
    count = room.take_while_fitting([len(title) + len(said) + 4 for _, title, said in tasks], "steps")
    if len(plan.tasks) > len(shown):
        room.left_out.append(f"{len(plan.tasks) - len(shown):,} more steps")
    if not count:
        return
    heading = elements.visible(room.take(heading))
    if as_block:
        cards = [_card(index, *task) for index, task in enumerate(tasks[:count])]
        yield {"type": "plan", "title": heading, "tasks": cards}
    else:
        yield elements.rich([elements.lines([elements.italic(heading)]), _list(tasks[:count])])


def _counted(plan: reports.Plan) -> str:
    over = sum(task.state not in _OPEN for task in plan.tasks)
    return f"{over} of {len(plan.tasks)} steps"


def _said(task: reports.Task, most: int) -> str:
    """Give what there is to say of a task, in one line."""
    parts = (_TOLD.get(task.state, ""), " ".join(task.detail.split()), " ".join(task.status.split()))
    said = " · ".join(part for part in parts if part)
    return elements.fitted(said, most) if said else ""


def _card(index: int, task: reports.Task, title: str, said: str) -> Block:
    # Of what is under way Slack shows the details, and of what is over its output.
    part = "details" if task.state in _OPEN else "output"
    told = {part: elements.rich([elements.lines([elements.text(said)])])} if said else {}
    return {
        "type": "task_card",
        "task_id": f"{index + 1}",
        "title": title,
        "status": _STATES[task.state],
        **told,
    }


def _list(tasks: Sequence[tuple[reports.Task, str, str]]) -> Block:
    lines = []
    for task, title, said in tasks:
        rest = [elements.text(f" – {said}")] if said else []
        lines.append(elements.lines([elements.text(f"{marks.OF_TASKS[task.state]} "), elements.bold(title), *rest]))
    return {"type": "rich_text_list", "style": "bullet", "indent": 0, "elements": lines}
