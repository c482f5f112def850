"""A copy of `runbook_data/` in which the services are the sandboxed ones, each at its own port."""

import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import yaml

PROJECT = pathlib.Path(__file__).parent.parent
ENVIRONMENT = "sandbox"
# Written for nearly every test, so by libyaml where it is there.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_APART = "pos-mcp-server"
_UNROUTED = ("pos-service-discovery", "pos-api-gateway")
_OF_THE_BACKEND = (
    *("library", "port", "published_port", "scheme", "management_port", "registers", "eureka_id", "gateway_path"),
)
"""Keys that hold of the modules as they are, and not of the sandbox, where each service has what the runbook needs."""


def service_names(source: pathlib.Path = PROJECT / "runbook_data") -> tuple[str, ...]:
    """Return the names of the catalogue's services that the sandbox runs: those of the backend's compose file."""
    return tuple(
        service["name"] for service in _read(source / "services.yaml")["services"] if service["name"] != _APART
    )


def gateway_paths(source: pathlib.Path = PROJECT / "runbook_data") -> dict[str, str]:
    """Return the paths under which the gateway offers services, by their names."""
    return {name: f"/{name.removeprefix('pos-')}" for name in service_names(source) if name not in _UNROUTED}


def write(
    folder: pathlib.Path,
    ports: Mapping[str, int],
    source: pathlib.Path = PROJECT / "runbook_data",
    *,
    urls: Mapping[str, str] | None = None,
) -> None:
    """
    Fill *folder* with a copy of *source* whose default environment is the sandbox.

    *urls* are further keys of that environment, such as its `gateway_url`.

    *ports* gives the port of each service that runs. One that the catalogue does not know is added to it; one that
    does not run loses its port, so that no request reaches whatever else listens there.
    """
    shutil.copytree(source, folder, dirs_exist_ok=True)
    known = {service["name"]: service for service in _read(source / "services.yaml")["services"]}
    paths = gateway_paths(source)
    for name, service in known.items():
        for key in _OF_THE_BACKEND:
            service.pop(key, None)
        if name in paths:
            service["gateway_path"] = paths[name]
    for name, port in ports.items():
        service = known.setdefault(name, _plain_service(name))
        service["port"] = port
    environments = _read(source / "environments.yaml")
    environments["default"] = ENVIRONMENT
    environments["environments"][ENVIRONMENT] = {
        "namespace": "positivity",
        "health_url": "http://127.0.0.1:{port}{health_path}",
        **(urls or {}),
    }
    _dump(folder / "services.yaml", {"services": list(known.values())})
    _dump(folder / "environments.yaml", environments)


def change(path: pathlib.Path, **changes: object) -> None:
    """Replace top-level keys of the YAML file at *path*."""
    _dump(path, _read(path) | changes)


def _plain_service(name: str) -> dict[str, object]:
    keys = ("name", "module", "deployment", "container")
    return {**dict.fromkeys(keys, name), "owner": "nobody", "group": "extra", "tier": "supporting"}


def _read(path: pathlib.Path) -> Any:
    return yaml.load(path.read_text(), Loader=_LOADER)  # noqa: S506 - both loaders are safe


def _dump(path: pathlib.Path, content: object) -> None:
    path.write_text(yaml.dump(content, Dumper=_DUMPER, sort_keys=False, allow_unicode=True))
