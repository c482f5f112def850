"""
Health of services as their actuators report it: requests, findings, verdicts, advice, polling and reports.

Belongs here: Spring Boot's health and info endpoints, and the HTTP requests that other packages send to services.
Does not: pods and rollouts (bot/kubernetes) and the route to a service (bot/connectivity).
"""
