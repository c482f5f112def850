"""The HTTP server that all of Slack's addresses live on."""

from aiohttp import web

from sandbox.slack.server import api, faults, hooks, sockets
from sandbox.slack.state import workspace_state

# A request that is still being answered when the workspace closes is given up after this.
_SHUTDOWN_SECONDS = 0.05
_MAX_BODY_BYTES = 64 * 1024 * 1024


class Server:
    """Listens on loopback until it is closed."""

    def __init__(self, state: workspace_state.State, planned: faults.Faults, held_sockets: sockets.Sockets) -> None:
        self._state = state
        self._sockets = held_sockets
        self._port = 0
        application = web.Application(client_max_size=_MAX_BODY_BYTES)
        methods, others = api.Api(state, planned), hooks.Hooks(state, planned)
        application.router.add_route("*", "/api/{method}", methods.answer)
        application.router.add_post("/commands/{team}/{key}", others.respond)
        application.router.add_post("/upload/v1/{ticket}", others.upload)
        application.router.add_get("/link/", held_sockets.connect)
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS, handle_signals=False
        )

    async def start(self, port: int) -> None:
        """Begin to listen; port 0 takes a free one."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        host, bound_port = self._runner.addresses[0][:2]
        self._state.base_url = f"http://{host}:{bound_port}"

    async def refuse_connections(self) -> None:
        """Cut the sockets and let nobody connect, as where Slack's addresses lead nowhere."""
        self._port = self._runner.addresses[0][1]
        self._sockets.cut()
        for site in tuple(self._runner.sites):
            await site.stop()

    async def accept_connections(self) -> None:
        """Listen again, at the same address."""
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def close(self) -> None:
        """Close the sockets and stop listening."""
        await self._sockets.close()
        await self._runner.cleanup()
