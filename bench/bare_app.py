"""
The peer: the smallest Bolt application that acknowledges `/pos`, as Bolt's documentation writes it.

Its address, its secret and its client are posbot's; everything else is what Bolt does by itself.

    python -m bench.bare_app http|socket API_URL BOT_TOKEN SIGNING_SECRET|APP_TOKEN
"""

import sys

from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bench import subprocesses


async def main() -> None:
    """Serve until the parent closes the pipe."""
    mode, api_url, bot_token, secret = sys.argv[1:5]
    client = AsyncWebClient(token=bot_token, base_url=api_url)
    app = AsyncApp(client=client, signing_secret=secret if mode == "http" else None)
    app.command("/pos")(_acknowledge)
    if mode == "http":
        await _serve_http(app)
    else:
        await _serve_socket(app, client, secret)


async def _acknowledge(ack: AsyncAck) -> None:
    await ack()


async def _serve_http(app: AsyncApp) -> None:
    runner = web.AppRunner(app.web_app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        await subprocesses.answer_lines({"port": runner.addresses[0][1]}, _know_nothing)
    finally:
        await runner.cleanup()


async def _serve_socket(app: AsyncApp, client: AsyncWebClient, app_token: str) -> None:
    handler = AsyncSocketModeHandler(app, app_token, web_client=client)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    try:
        await subprocesses.answer_lines({}, _know_nothing)
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]


async def _know_nothing(_: subprocesses.Message) -> subprocesses.Message:
    return {}


if __name__ == "__main__":
    subprocesses.live(main)
