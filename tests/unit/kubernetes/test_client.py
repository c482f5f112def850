"""The API client: token rotation, invalid responses, unusable kubeconfigs."""

import asyncio
import contextlib
import json
import pathlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from bot import errors
from bot.kubernetes import client, documents, workloads
from tests import canned_server

pytestmark = pytest.mark.anyio

TIMEOUT_SECONDS = 10.0
POD = {"name": "one-1", "creationTimestamp": "2026-11-25T10:00:00Z"}

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def write_kubeconfig(path: pathlib.Path, server: str, token: str) -> pathlib.Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "one", "cluster": {"server": server}}],
        "users": [{"name": "one", "user": {"token": token}}],
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
        "current-context": "one",
    }
    path.write_text(json.dumps(content))
    return path


@contextlib.asynccontextmanager
async def opened(kubeconfig: pathlib.Path) -> AsyncIterator[client.Cluster]:
    api = client.Cluster(None, str(kubeconfig))
    try:
        yield api
    finally:
        await api.close()


class RotatingTokenServer:
    """
    Rejects the old token; the second rejection waits for a call with the new one, which waits for a third call.

    So one call learns of the rotation while another, which already knows, is in progress.
    """

    def __init__(self) -> None:
        self.stream_opened = asyncio.Event()
        self.released = asyncio.Event()
        self._first_new = asyncio.Event()
        self._second_new = asyncio.Event()
        self._refused = 0

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            if request.path == "/log":
                return await self._stream(request)
            if request.headers["authorization"] == "Bearer old":
                self._refused += 1
                if self._refused > 1:
                    await self._first_new.wait()
                return web.json_response({"message": "Unauthorized"}, status=401)
            (self._second_new if self._first_new.is_set() else self._first_new).set()
            await self._second_new.wait()
            return web.json_response({"kind": "Path", "path": request.path})

    async def _stream(self, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"begun ")
        self.stream_opened.set()
        await self.released.wait()
        await response.write(b"ended")
        return response


async def test_token_rotation_fails_none_of_several_calls(tmp_path: pathlib.Path) -> None:
    server = RotatingTokenServer()
    async with serving(server.answer) as url:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", url, "old")
        async with opened(kubeconfig) as api, api.stream("/log") as pieces:
            await server.stream_opened.wait()
            write_kubeconfig(kubeconfig, url, "new")
            answers = await asyncio.gather(api.get("/one"), api.get("/two"))
            server.released.set()
            streamed = b"".join([piece async for piece in pieces])

    assert [answer["path"] for answer in answers] == ["/one", "/two"]
    assert streamed == b"begun ended"


async def test_rejected_token_is_retried_once(tmp_path: pathlib.Path) -> None:
    asked: list[str] = []

    async def refuse(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request.headers["authorization"])
        return web.json_response({"message": "Unauthorized"}, status=401)

    async with serving(refuse) as url, opened(write_kubeconfig(tmp_path / "kubeconfig", url, "old")) as api:
        with pytest.raises(errors.Refused, match="does not accept posbot's credentials"):
            await api.get("/one")

    assert asked == ["Bearer old"] * 2


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b"{}", b'"yes"', b'{"items": [', b"<html>log in</html>", b"\xff", b"[" * 100_000]
)
async def test_response_that_is_no_kubernetes_object_names_the_server(tmp_path: pathlib.Path, body: bytes) -> None:
    async with (
        canned_server.answering(body) as url,
        opened(write_kubeconfig(tmp_path / "kubeconfig", url, "any")) as api,
    ):
        with pytest.raises(errors.Unavailable, match="is not a Kubernetes API server"):
            await api.get("/one")


async def test_endless_response_is_not_read_to_its_end(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_BYTES", 1_000)
    body = b'{"kind": "Path", "path": "%s"}' % (b"x" * 2_000)
    async with (
        canned_server.answering(body) as url,
        opened(write_kubeconfig(tmp_path / "kubeconfig", url, "any")) as api,
    ):
        with pytest.raises(errors.Unavailable):
            await api.get("/one")


async def test_unknown_api_is_no_missing_object(tmp_path: pathlib.Path) -> None:
    server = canned_server.answering(b"404 page not found", status=404)
    async with server as url, opened(write_kubeconfig(tmp_path / "kubeconfig", url, "any")) as api:
        with pytest.raises(errors.Refused, match="has no such API") as raised:
            await api.get("/one")

    assert not isinstance(raised.value, errors.MissingResource)


async def test_truncated_error_is_reported_by_its_status(tmp_path: pathlib.Path) -> None:
    async def break_off(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(status=500, headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.close()
        return response

    async with serving(break_off) as url, opened(write_kubeconfig(tmp_path / "kubeconfig", url, "any")) as api:
        with pytest.raises(errors.Unavailable, match="The API server failed"):
            await api.get("/one")


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "\0", "clusters: 5\nusers: 7", "contexts: [1]\ncurrent-context: one"],
    ids=["empty", "half", "list", "binary", "numbers", "context"],
)
async def test_unreadable_kubeconfig_is_a_configuration_error(tmp_path: pathlib.Path, content: str) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(content)

    async with opened(kubeconfig) as api:
        with pytest.raises(errors.Refused, match="Kubernetes is not configured"):
            await api.get("/one")


@pytest.mark.parametrize(
    ("context", "changes", "problem"),
    [
        ("one", None, "there is no kubeconfig, or it has no contexts"),
        ("two", {}, "context “two” does not exist in the kubeconfig"),
        (None, {"current-context": "two"}, "the current context does not exist in the kubeconfig"),
        ("one", {"users": []}, "context “one” cannot be read from the kubeconfig"),
    ],
    ids=["no file", "no such context", "no such current context", "no such user"],
)
async def test_problem_of_a_kubeconfig_is_named(
    tmp_path: pathlib.Path, context: str | None, changes: dict[str, object] | None, problem: str
) -> None:
    path = tmp_path / "kubeconfig"
    if changes is not None:
        write_kubeconfig(path, "https://127.0.0.1:1", "any")
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    api = client.Cluster(context, str(path))

    with pytest.raises(errors.Refused) as refused:
        await api.get("/one")

    assert str(refused.value) == f"Kubernetes is not configured: {problem}."
    await api.close()


@pytest.mark.parametrize("authority", ["!!!", "aGVsbG8="], ids=["no base 64", "no certificate"])
async def test_invalid_certificate_is_a_configuration_error(tmp_path: pathlib.Path, authority: str) -> None:
    kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", "https://127.0.0.1:1", "any")
    content = json.loads(kubeconfig.read_text())
    content["clusters"][0]["cluster"]["certificate-authority-data"] = authority
    kubeconfig.write_text(json.dumps(content))

    async with opened(kubeconfig) as api:
        with pytest.raises(errors.Refused, match="Kubernetes is not configured"):
            await api.get("/one")


async def test_watch_ending_within_an_event_is_restarted(tmp_path: pathlib.Path) -> None:
    watched: list[str] = []
    pods = {"kind": "PodList", "metadata": {"resourceVersion": "1"}, "items": [{"metadata": POD}]}

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if "watch" not in request.query:
            return web.json_response(pods)
        watched.append(request.query_string)
        return web.Response(body=b'{"type": "MODIFIED", "object": {"metad\n')

    async with serving(answer) as url, opened(write_kubeconfig(tmp_path / "kubeconfig", url, "any")) as api:
        seen = workloads.Workloads(api, "one").watch_pods("app=one")
        names = [pod.name for pod, _ in [await anext(seen), await anext(seen)]]

    assert names == ["one-1", "one-1"]
    assert len(watched) == 1
