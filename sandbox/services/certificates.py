"""Certificates of sandboxed services, good and bad, made when they are first needed."""

import datetime
import functools
import ssl

import trustme

from sandbox.services.states import Listener

_IDENTITIES = ("127.0.0.1", "localhost")
_ELSEWHERE = ("pos-order.elsewhere.example",)


class Certificates:
    """What services of one fleet show to clients, and what a client has to trust."""

    @property
    def authority(self) -> bytes:
        """Return the certificate of the authority as PEM, for a client's list of trusted ones."""
        return self._authority.cert_pem.bytes()

    def trusting(self) -> ssl.SSLContext:
        """Return a client's context that trusts the authority ."""
        return ssl.create_default_context(cadata=self.authority.decode())

    def context_of(self, listener: Listener) -> ssl.SSLContext | None:
        """Return the TLS context of a listener; None without TLS."""
        match listener:
            case Listener.TLS:
                return self._valid
            case Listener.TLS_EXPIRED:
                return self._expired
            case Listener.TLS_WRONG_HOST:
                return self._of_another_host
            case Listener.TLS_UNTRUSTED:
                return self._of_another_authority
        return None

    @functools.cached_property
    def _authority(self) -> trustme.CA:
        return trustme.CA(organization_name="posbot sandbox")

    @functools.cached_property
    def _valid(self) -> ssl.SSLContext:
        return _serving(self._authority.issue_cert(*_IDENTITIES))

    @functools.cached_property
    def _expired(self) -> ssl.SSLContext:
        yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
        return _serving(self._authority.issue_cert(*_IDENTITIES, not_after=yesterday))

    @functools.cached_property
    def _of_another_host(self) -> ssl.SSLContext:
        return _serving(self._authority.issue_cert(*_ELSEWHERE))

    @functools.cached_property
    def _of_another_authority(self) -> ssl.SSLContext:
        return _serving(trustme.CA(organization_name="nobody knows us").issue_cert(*_IDENTITIES))


def _serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
