"""
The cluster's certificate authority: who it has signed for is who the API server believes them to be.
"""

import dataclasses
import pathlib
import ssl

import trustme

ADMINISTRATORS = "system:masters"
"""The group that may do everything, whatever the roles say."""

HOST = "127.0.0.1"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Certificate:
    """
    A certificate and its key, in files; it serves both servers and clients.
    """

    certificate: pathlib.Path
    key: pathlib.Path


class Authority:
    """
    An authority of one cluster, whose files are in `folder`.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.path = folder / "ca.crt"
        self._folder = folder
        self._authority = trustme.CA(organization_name="posbot tests")
        folder.mkdir(parents=True)
        self._authority.cert_pem.write_to_path(str(self.path))

    def issue(self, name: str, *, group: str | None = None) -> Certificate:
        """
        Sign for a server on loopback and for the user `name` in `group`, in one.
        """
        leaf = self._authority.issue_cert(HOST, "localhost", common_name=name, organization_name=group)
        files = Certificate(certificate=self._folder / f"{name}.crt", key=self._folder / f"{name}.key")
        leaf.cert_chain_pems[0].write_to_path(str(files.certificate))
        leaf.private_key_pem.write_to_path(str(files.key))
        files.key.chmod(0o600)
        return files

    def trusting(self, user: Certificate | None = None) -> ssl.SSLContext:
        """
        Return the credentials with which a client trusts this cluster's servers and is `user` to them.
        """
        context = ssl.create_default_context(cafile=str(self.path))
        if user is not None:
            context.load_cert_chain(user.certificate, user.key)
        return context
