"""
The Go of this machine, and the programs of a Kubernetes control plane that it builds, once per change of `build/`.

Everything is compiled from the Go module proxy's sources, etcd included, in the versions of `build/go.mod`. That takes
minutes; `python -m tests.real.kubernetes.toolchain` does it ahead of the tests.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping

import pytest

ENVIRONMENT: Mapping[str, str] = os.environ  # noqa: TID251 - which machine this is, not how posbot is set up

PROGRAMS: Mapping[str, str] = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "kubelet": "./kubelet",
    "kwok": "sigs.k8s.io/kwok/cmd/kwok",
}
"""What is built, by the name that the program gets, and the Go package that it is built from."""

_SOURCES = pathlib.Path(__file__).parent / "build"
_LOWEST_GO = (1, 26)
_STEP_SECONDS = 3600
_LINES_SHOWN = 30
_GO_VERSION = re.compile(r"go(\d+)\.(\d+)")
_KUBERNETES_VERSION = re.compile(r"^\tk8s\.io/kubernetes (v(\d+)\.(\d+)\.\S+)", re.MULTILINE)
_OPTIONS = ("-p=2", "-trimpath", "-buildvcs=false")
_GO_ENVIRONMENT = {"GOFLAGS": "-mod=readonly", "GOWORK": "off", "CGO_ENABLED": "0", "GOMAXPROCS": "2"}
_PLACES_OF_VERSIONS = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Build:
    """
    The programs that were built.
    """

    folder: pathlib.Path
    kubernetes_version: str

    def program(self, name: str) -> str:
        """
        Return the path of one of PROGRAMS.
        """
        return str(self.folder / name)


def built() -> Build:
    """
    Return the programs, built unless these sources were built before; skip the test if they cannot be built.

    Who comes while another builds waits for that build.
    """
    go = _find_go()
    folder = _cache() / f"cluster-{_fingerprint(go)}" / "bin"
    if not folder.exists():
        with _only_one(folder.parent):
            if not folder.exists():
                _build_into(folder, go)
    return Build(folder=folder, kubernetes_version=_kubernetes_version()[0])


def _find_go() -> str:
    go = shutil.which("go")
    lowest = ".".join(map(str, _LOWEST_GO))
    if go is None:
        pytest.skip(f"no Go: install Go {lowest} or later so that `go` is on the PATH; it builds Kubernetes and etcd")
    found = _GO_VERSION.search(_version_of(go))
    if found is None or (int(found[1]), int(found[2])) < _LOWEST_GO:
        pytest.skip(f"Go is older than {lowest}: install that or a later one so that `go` on the PATH is it")
    return go


def _version_of(go: str) -> str:
    return subprocess.run([go, "env", "GOVERSION"], cwd=_SOURCES, capture_output=True, text=True, check=True).stdout


def _build_into(folder: pathlib.Path, go: str) -> None:
    """
    Build beside `folder` and rename at the end, so that a half-made build is never seen.
    """
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as workplace:
        for name, package in PROGRAMS.items():
            _compile(pathlib.Path(workplace) / "bin" / name, package, go)
        (pathlib.Path(workplace) / "bin").rename(folder)


def _compile(program: pathlib.Path, package: str, go: str) -> None:
    """
    Compile one program, politely: nobody who works on this machine at the same time should notice.
    """
    nice = ["nice"] if shutil.which("nice") else []
    done = subprocess.run(
        [*nice, go, "build", *_OPTIONS, f"-ldflags=-s -w {_version_stamps()}", "-o", str(program), package],
        cwd=_SOURCES,
        env={**ENVIRONMENT, **_GO_ENVIRONMENT},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_STEP_SECONDS,
        check=False,
    )
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-_LINES_SHOWN:])
        raise RuntimeError(f"{program.name} could not be built, go said:\n{last}")


def _version_stamps() -> str:
    """
    Return the linker options that set the version of the programs, as in a release.
    """
    version, major, minor = _kubernetes_version()
    known = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return " ".join(f"-X {place}.{name}={value}" for place in _PLACES_OF_VERSIONS for name, value in known.items())


def _kubernetes_version() -> tuple[str, str, str]:
    found = _KUBERNETES_VERSION.search((_SOURCES / "go.mod").read_text())
    if found is None:
        raise RuntimeError("build/go.mod does not say which version of k8s.io/kubernetes it needs")
    return found[1], found[2], found[3]


@contextlib.contextmanager
def _only_one(folder: pathlib.Path) -> Iterator[None]:
    """
    Keep other processes out; the lock goes with the process that holds it, however that ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _cache() -> pathlib.Path:
    root = ENVIRONMENT.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(root) / "posbot-tests"


def _fingerprint(go: str) -> str:
    """
    Return a name for the inputs of the build: its sources, the version of Go, and the build options.
    """
    digest = hashlib.sha256(f"{_version_of(go)}{PROGRAMS}{_OPTIONS}{_version_stamps()}".encode())
    for path in [_SOURCES / "go.mod", _SOURCES / "go.sum", *sorted(_SOURCES.glob("kubelet/*.go"))]:
        digest.update(f"{path.name}\0".encode())
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    sys.stdout.write(f"{built().folder}\n")
