"""The Prometheus metrics of posbot, served at /metrics."""

import prometheus_client

INVOCATIONS = prometheus_client.Counter(
    "posbot_invocations_total", "Invocations by command, source and status.", ["command", "source", "status"]
)
COMMAND_SECONDS = prometheus_client.Histogram(
    "posbot_command_duration_seconds",
    "From the receipt of an invocation to its response.",
    ["command"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
UNRECORDED = prometheus_client.Counter("posbot_unrecorded_total", "Audit records that the database did not accept.")
IN_USE = prometheus_client.Gauge(
    "posbot_in_use", "Running commands, followed logs, and bytes of answers, each of which has a limit.", ["limit"]
)
LIMITED = prometheus_client.Counter(
    "posbot_limited_total", "Commands and answers that were refused because a limit was reached.", ["limit"]
)
DATABASE_BYTES = prometheus_client.Gauge("posbot_database_bytes", "What the database holds.")
DATABASE_MAX_BYTES = prometheus_client.Gauge(
    "posbot_database_max_bytes", "What the database may hold (POSBOT_DATABASE_MAX_MB); more is pruned."
)
CALLS = prometheus_client.Counter(
    "posbot_outbound_calls_total", "Calls to other systems by system and outcome.", ["system", "outcome"]
)
CALL_SECONDS = prometheus_client.Histogram(
    "posbot_outbound_call_seconds", "Duration of calls to other systems.", ["system"]
)
ACKNOWLEDGED = prometheus_client.Histogram(
    "posbot_slack_ack_seconds",
    "From the receipt of a request from Slack to its acknowledgement.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3),
)
REFUSED_REQUESTS = prometheus_client.Counter(
    "posbot_slack_refused_requests_total", "Requests to the request URL that were refused, by reason.", ["reason"]
)
CONNECTIONS = prometheus_client.Gauge("posbot_slack_connections", "Live Socket Mode connections.")
RECONNECTIONS = prometheus_client.Counter(
    "posbot_slack_reconnections_total", "Socket Mode connections that were replaced, by reason.", ["reason"]
)
CHANGES_REFUSED = prometheus_client.Gauge(
    "posbot_changes_refused",
    "1 while runs and commands that change something are refused, by reason; commands that read are answered.",
    ["reason"],
)
CLOCK_OFFSET = prometheus_client.Gauge(
    "posbot_clock_offset_seconds", "Database's clock minus this machine's, where they differ by more than 5 s."
)
UNDELIVERED = prometheus_client.Counter("posbot_undelivered_total", "Responses that Slack did not accept.", ["reason"])
