"""The other addresses the bot is given: response urls and upload urls."""

import dataclasses
import json

from aiohttp import web

from sandbox.slack.blocks import shapes
from sandbox.slack.server import api, faults, responses
from sandbox.slack.state import errors as slack_errors
from sandbox.slack.state import records, workspace_state


class Hooks:
    """Answers requests to response urls and upload urls."""

    def __init__(self, state: workspace_state.State, planned: faults.Faults) -> None:
        self._state = state
        self._faults = planned

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Take an answer that came through a response url."""
        body = await _read_body(request)
        fault = self._faults.take_for_call(faults.RESPONSE_URL)
        try:
            api.raise_early(fault)
            url = self._state.tokens.check_response_url(request.match_info["key"])
            responses.post_answer(self._state, url, body)
            self._state.tokens.use_response_url(url.key)
        except slack_errors.Refusal as refusal:
            self._note(request, body, refusal.error)
            return api.refusal_response(refusal)
        self._note(request, body, "ok")
        return await api.late_response(request, fault, web.json_response({"ok": True}))

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Take the bytes of a file."""
        content = await _read_file(request)
        fault = self._faults.take_for_call(faults.UPLOAD)
        try:
            api.raise_early(fault)
            file_id = self._state.upload_tickets.pop(request.match_info["ticket"], None)
            if file_id is None:
                raise slack_errors.Refusal("no_such_upload", status=404)
            if len(content) != self._state.files[file_id].length:
                raise slack_errors.Refusal("length_mismatch", status=400)
        except slack_errors.Refusal as refusal:
            return api.refusal_response(refusal)
        self._state.files[file_id] = dataclasses.replace(self._state.files[file_id], content=content)
        self._state.changes.announce()
        return await api.late_response(request, fault, web.Response(text=f"OK - {len(content)}"))

    def _note(self, request: web.Request, body: object, outcome: str) -> None:
        self._state.response_uses.append(
            records.ResponseUse(
                url=str(request.url),
                body=body if isinstance(body, dict) else {"unreadable": body},
                at_seconds=self._state.clock.seconds(),
                outcome=outcome,
            )
        )
        self._state.changes.announce()


async def _read_body(request: web.Request) -> object:
    text = await request.text()
    if request.content_type == "application/x-www-form-urlencoded":
        text = str((await request.post()).get("payload", ""))
    try:
        body: shapes.Json = json.loads(text)
    except ValueError:
        return text
    return body


async def _read_file(request: web.Request) -> bytes:
    if request.content_type != "multipart/form-data":
        return await request.read()
    for field in (await request.post()).values():
        if isinstance(field, web.FileField):
            return field.file.read()
    return b""
