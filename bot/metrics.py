"""What posbot counts of itself, served at /metrics."""

import prometheus_client

INVOCATIONS = prometheus_client.Counter(
    "posbot_invocations_total", "Requests by command, door and ending.", ["word", "door", "ending"]
)
DURATION = prometheus_client.Histogram(
    "posbot_invocation_seconds",
    "From receipt to answer.",
    ["word"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
UNRECORDED = prometheus_client.Counter("posbot_unrecorded_total", "Audit records that the database did not take.")
CALLS = prometheus_client.Counter(
    "posbot_outbound_calls_total", "Calls to other systems by their kind and how they ended.", ["system", "outcome"]
)
CALL_SECONDS = prometheus_client.Histogram("posbot_outbound_call_seconds", "How long other systems took.", ["system"])
ACKNOWLEDGED = prometheus_client.Histogram(
    "posbot_slack_ack_seconds",
    "From receipt of a request of Slack to its acknowledgement on the wire.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3),
)
CONNECTIONS = prometheus_client.Gauge("posbot_slack_connections", "Socket Mode connections that are alive.")
RECONNECTIONS = prometheus_client.Counter(
    "posbot_slack_reconnections_total", "Connections that the watchdog had to renew, by what it did.", ["remedy"]
)
UNDELIVERED = prometheus_client.Counter("posbot_undelivered_total", "Answers that Slack did not take.", ["reason"])
