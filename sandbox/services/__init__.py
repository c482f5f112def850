"""
Sandboxed services: real HTTP servers on loopback that speak Spring Boot's actuator and can fail in every way.

What they answer when nothing misbehaves was shaped after a real Spring Boot 3.5 application, which
`tests/spring/` starts. Here belongs what a service says of itself and the ways in which it, its certificate
or its port can fail. Not here: the cluster that the services would run in, their metrics, and anything of
`bot/` or `commands/`.

    async with fleets.running(["pos-order", "pos-catalog"]) as fleet:
        await fleet["pos-order"].goes_down(db="org.springframework.jdbc.CannotGetJdbcConnectionException: ...")
"""
