"""
Connectivity of a service from its port to the gateway: DNS, port, endpoint, registration, route, authentication.

Belongs here: Eureka and Spring Cloud Gateway, the checks over both, and their report. Does not: what the health of a
service means (bot/health).
"""
