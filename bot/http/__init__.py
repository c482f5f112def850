"""
posbot's HTTP server: healthz, readyz, metrics, and the routes that others bring along (signed requests, webhooks).

It knows no system that calls it. What authenticates a request belongs to the package of the caller.
"""
