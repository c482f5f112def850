"""The Web API over HTTP: reading a call, checking who makes it, answering, and keeping a record."""

import asyncio
import dataclasses
import json

from aiohttp import web

from sandbox.slack.blocks import shapes
from sandbox.slack.methods import catalog, tables
from sandbox.slack.server import faults
from sandbox.slack.state import arguments, records, workspace_state
from sandbox.slack.state import errors as slack_errors

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    name: str
    values: shapes.Json
    token: str | None
    is_json: bool = False
    problem: str = ""


class Api:
    """Answers calls of all methods."""

    def __init__(self, state: workspace_state.State, planned: faults.Faults) -> None:
        self._state = state
        self._faults = planned

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one call, applying the planned fault."""
        call = await _read_call(request)
        fault = self._faults.take_for_call(call.name)
        try:
            raise_early(fault)
            body = {"ok": True, **self._carry_out(call)}
        except slack_errors.Refusal as refusal:
            self._note(call, refusal.error, refusal.status)
            return refusal_response(refusal)
        is_dropped = fault is not None and fault.kind is faults.Kind.DROP
        self._note(call, "no answer" if is_dropped else "ok", 200, was_carried_out=True)
        return await late_response(request, fault, web.json_response(body))

    def _carry_out(self, call: _Call) -> shapes.Json:
        if call.problem:
            raise slack_errors.Refusal(call.problem)
        method = catalog.METHODS_BY_NAME.get(call.name)
        if method is None:
            raise slack_errors.Refusal("unknown_method", req_method=call.name)
        self._require_token(method, call.token)
        tables.require_scope(self._state, *method.scopes)
        self._state.rate_limits.count_call(method.name, method.tier)
        values = {} if call.is_json and not method.takes_json else call.values
        return method.answer(self._state, arguments.Arguments(values))

    def _require_token(self, method: tables.Method, token: str | None) -> None:
        own = self._state.settings
        if method.token is tables.Token.NONE:
            return
        if not token:
            raise slack_errors.Refusal("not_authed")
        if token not in (own.bot_token, own.app_token):
            raise slack_errors.Refusal("invalid_auth")
        is_app_token = token == own.app_token
        if is_app_token != (method.token is tables.Token.APP):
            raise slack_errors.Refusal("not_allowed_token_type")

    def _note(self, call: _Call, outcome: str, status: int, *, was_carried_out: bool = False) -> None:
        self._state.note_call(
            records.ApiCall(
                method=call.name,
                arguments=_plain(call.values),
                at_seconds=self._state.clock.seconds(),
                outcome=outcome,
                status=status,
                was_carried_out=was_carried_out,
            )
        )


def raise_early(fault: faults.Fault | None) -> None:
    """Refuse, where the planned fault applies before anything is done."""
    if fault is None:
        return
    if fault.kind is faults.Kind.RATE_LIMIT:
        raise slack_errors.of_rate(fault.seconds)
    if fault.kind is faults.Kind.SERVER_ERROR:
        raise slack_errors.Refusal("internal_error", status=fault.status)
    if fault.kind is faults.Kind.REFUSAL:
        raise slack_errors.Refusal(fault.error)


async def late_response(
    request: web.Request, fault: faults.Fault | None, response: web.StreamResponse
) -> web.StreamResponse:
    """Return *response*, where the planned fault applies after it was carried out: late, or not at all."""
    if fault is not None and fault.kind is faults.Kind.SLOW:
        await asyncio.sleep(fault.seconds)
    if fault is not None and fault.kind is faults.Kind.DROP and request.transport is not None:
        request.transport.abort()
    return response


def refusal_response(refusal: slack_errors.Refusal) -> web.Response:
    """Write a refusal as Slack does; gateways in front of it answer 502 to 504 in HTML."""
    if refusal.status in (502, 503, 504):
        page = f"<html><body><h1>{refusal.status}</h1></body></html>"
        return web.Response(status=refusal.status, text=page, content_type="text/html")
    body = refusal.to_json()
    retry_after = body.pop("retry_after", None)
    headers = {"Retry-After": f"{retry_after:g}"} if retry_after is not None else {}
    return web.json_response(body, status=refusal.status, headers=headers)


async def _read_call(request: web.Request) -> _Call:
    name = request.match_info["method"]
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ").strip() or None
    values: shapes.Json = dict(request.query)
    if request.content_type == "application/json" and request.can_read_body:
        sent, problem = _parse_json(await request.text())
        return _Call(name=name, values=values | sent, token=bearer, is_json=bool(sent), problem=problem)
    if request.content_type in _FORMS:
        values |= {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    elif request.can_read_body and await request.read():
        return _Call(name=name, values=values, token=bearer, problem="invalid_post_type")
    token = bearer or values.get("token")
    return _Call(name=name, values=values, token=token)


def _parse_json(text: str) -> tuple[shapes.Json, str]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}, "invalid_json"
    return (value, "") if isinstance(value, dict) else ({}, "json_not_object")


def _plain(values: shapes.Json) -> shapes.Json:
    """Return the arguments as structures, however they were sent, and without the token."""
    plain = {}
    for name, value in values.items():
        is_structure = isinstance(value, str) and value[:1] in ("[", "{")
        parsed, problem = _parse_any(value) if is_structure else (value, "")
        plain[name] = value if problem else parsed
    plain.pop("token", None)
    return plain


def _parse_any(text: str) -> tuple[object, str]:
    try:
        return json.loads(text), ""
    except ValueError:
        return None, "invalid_json"
