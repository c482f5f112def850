"""What to do about a finding."""

from bot.health.status import Finding

_ADVICE = {
    Finding.SLOW: "Check latency and the connection pool. A single slow response may be a garbage collection.",
    Finding.DOWN: "Check the failing components, then the logs.",
    Finding.OUT_OF_SERVICE: "The service refuses traffic: it is starting, stopping or not ready. Check readiness.",
    Finding.UNKNOWN: "The service does not report a usable status. Check its components and logs.",
    Finding.DNS_FAILED: "Check the environment and the health_url template. The Service may not be deployed there.",
    Finding.REFUSED: "Nothing listens on this port: the service is not started, has crashed or uses another port.",
    Finding.UNREACHABLE: "Check network policies, and whether posbot has access to this network.",
    Finding.CONNECT_TIMEOUT: "Packets are dropped: check network policies, the node and the address.",
    Finding.READ_TIMEOUT: "The service accepts connections but does not respond: exhausted threads or a hanging check.",
    Finding.TLS_EXPIRED: "Renew the certificate. Clients reject it until then.",
    Finding.TLS_WRONG_HOST: "The URL and the certificate name different hosts. Check the gateway route and health_url.",
    Finding.TLS_UNTRUSTED: "Add the issuing CA to posbot (SSL_CERT_FILE), or use a certificate from a trusted CA.",
    Finding.TLS_FAILED: "Check that the port serves TLS, and which versions it supports.",
    Finding.DROPPED: "The connection was closed before a response: a crash, a restart or a proxy in between.",
    Finding.NOT_HTTP: "Another application listens on this port. Compare the port with services.yaml.",
    Finding.UNAUTHORIZED: "Permit /actuator/health without authentication, or use an address inside the cluster.",
    Finding.FORBIDDEN: "A gateway or a security rule denies posbot access to the actuator.",
    Finding.LOGIN_PAGE: "Exempt the actuator from the login page, or use an address inside the cluster.",
    Finding.REDIRECTED: "If the target is the actuator, use its URL in health_url (environments.yaml).",
    Finding.NOT_FOUND: "Wrong path, or the health endpoint is not exposed (management.endpoints.web.exposure).",
    Finding.NOT_JSON: "Another application responds at this URL, such as a proxy with an error page.",
    Finding.NOT_HEALTH: "Another application responds at this URL. Compare port and path with services.yaml.",
    Finding.TOO_LARGE: "Another application responds at this URL: a health document is small.",
    Finding.HTTP_ERROR: "A proxy or the gateway responds, or the service fails before its actuator does.",
    Finding.NO_ENDPOINT: "If the service serves HTTP, set its port in services.yaml.",
    Finding.TIMED_OUT: "Check this service alone.",
}


def find(finding: Finding) -> str:
    """Return the next step for *finding*, or an empty string for a healthy service."""
    return _ADVICE.get(finding, "")
