"""The marks that say how things stand before anybody reads."""

from collections.abc import Mapping

from bot.model import reports

OF: Mapping[reports.Verdict, str] = {
    reports.Verdict.OK: "🟢",
    reports.Verdict.WARNING: "🟡",
    reports.Verdict.FAILED: "🔴",
    reports.Verdict.UNKNOWN: "⚪",
}
OF_TASKS: Mapping[reports.TaskState, str] = {
    reports.TaskState.PENDING: "▫️",
    reports.TaskState.RUNNING: "⏳",
    reports.TaskState.WAITING: "✋",
    reports.TaskState.DONE: "✅",
    reports.TaskState.FAILED: "❌",
    reports.TaskState.UNKNOWN: "❔",
    reports.TaskState.LEFT_OUT: "➖",
}
