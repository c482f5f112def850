"""
A process as a container runs it: nothing can be written but some folders, no capability is left, and a service account
is where Kubernetes puts one. It sees the network and the other processes of the machine, which a container would not.
"""

import functools
import os
import pathlib
import shutil
import subprocess
from collections.abc import Sequence

import pytest

ACCOUNT = "/run/secrets/kubernetes.io/serviceaccount"
"""Also known as /var/run/secrets/kubernetes.io/serviceaccount."""

# The arguments: the folder of the account or nothing, the folders to write to, `--`, and what is to be run.
_ENTER = f"""
set -eu
mount --make-rprivate /
account=$1; shift
if [ -n "$account" ]; then
  mount -t tmpfs none /run
  mkdir -p {ACCOUNT}
  mount --bind "$account" {ACCOUNT}
fi
for point in $(cut -d' ' -f2 /proc/self/mounts | sort -u); do
  case $point in
    /proc*|/sys*|/dev*) ;;
    *) mount -o remount,bind,ro "$point" 2>/dev/null || [ ! -w "$point" ] || echo "$point can be written" >&2 ;;
  esac
done
while [ "$1" != -- ]; do
  mount --bind "$1" "$1"
  mount -o remount,bind,rw "$1"
  shift
done
shift
exec setpriv --no-new-privs --inh-caps=-all --ambient-caps=-all --bounding-set=-all "$@"
"""


def entering(*writable: pathlib.Path, account: pathlib.Path | None = None) -> list[str]:
    """
    Return what to put before a command line; skip the test where the machine does not allow it.
    """
    if not _is_possible():
        pytest.skip("no mount namespaces: allow `unshare --mount`, for users other than root also `--user`")
    folders = map(str, writable)
    return [*_unshare(), "sh", "-c", _ENTER, "container", str(account or ""), *folders, "--"]


def run(prefix: Sequence[str], *command: str) -> subprocess.CompletedProcess[str]:
    """
    Run a command to its end inside.
    """
    return subprocess.run([*prefix, *command], capture_output=True, text=True, timeout=30, check=False)


@functools.cache
def _is_possible() -> bool:
    if not shutil.which("unshare") or not shutil.which("setpriv"):
        return False
    # Also a user who is allowed to may do it in vain.
    return (
        subprocess.run([*_unshare(), "mount", "--make-rprivate", "/"], capture_output=True, check=False).returncode == 0
    )


def _unshare() -> list[str]:
    return ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
