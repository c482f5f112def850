"""
What Spring Boot services write: a good start, every way in which starts fail, and lines that are awkward to show.

Each function gives lines without their ends. *at* is when the first of them was written, by default now. `FAILURES`
names all failing starts.
"""

import datetime
from collections.abc import Callable, Mapping

from sandbox.cluster.scenario import spring_lines

PASSWORD = "Tr0ub4dor-and-3"  # noqa: S105 - bait for tests that secrets do not get out
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwb3Mtb3JkZXIifQ.c2lnbmF0dXJlLW9mLXRoZS1zYW5kYm94"  # noqa: S105 - as above

_BEAN_ERROR = "org.springframework.beans.factory.BeanCreationException: Error creating bean with name "
_DEPENDENCY_ERROR = "org.springframework.beans.factory.UnsatisfiedDependencyException: Error creating bean with name "
_FACTORY = "[org/springframework/boot/autoconfigure/orm/jpa/HibernateJpaConfiguration.class]"
_DIALECT = (
    "org.hibernate.service.spi.ServiceException: Unable to create requested service "
    "[org.hibernate.engine.jdbc.env.spi.JdbcEnvironment] due to: "
)

Moment = datetime.datetime | None

normal_start = spring_lines.normal_start


def unresolved_placeholder(
    service: str = "pos-order", *, key: str = "pos.order.currency", at: Moment = None
) -> list[str]:
    """Fail because a placeholder has no value."""
    why = f"Could not resolve placeholder '{key}' in value \"${{{key}}}\""
    bean = "'priceCalculator': Injection of autowired dependencies failed"
    writer = _begun(service, at)
    writer.fails(
        *spring_lines.trace(_BEAN_ERROR + bean, "refresh"),
        *spring_lines.caused_by(f"org.springframework.util.PlaceholderResolutionException: {why}", "refresh"),
    )
    return writer.lines


def missing_property(service: str = "pos-order", *, key: str = "pos.catalog.base-url", at: Moment = None) -> list[str]:
    """Fail because a required property is not set."""
    prefix = key.rpartition(".")[0]
    writer = _begun(service, at)
    writer.explains(
        [
            (
                f"Binding to target org.springframework.boot.context.properties.bind.BindException: Failed to bind "
                f"properties under '{prefix}' to {writer.package}.CatalogProperties failed:"
            ),
            "",
            f"    Property: {key}",
            '    Value: "null"',
            "    Reason: must not be blank",
        ],
        ["Update your application's configuration"],
    )
    return writer.lines


def missing_data_source(service: str = "pos-order", *, at: Moment = None) -> list[str]:
    """Fail because the database's address is not set."""
    writer = _begun(service, at)
    writer.explains(
        [
            (
                "Failed to configure a DataSource: 'url' attribute is not specified and no embedded datasource could "
                "be configured."
            ),
            "",
            "Reason: Failed to determine a suitable driver class",
        ],
        [
            "Consider the following:",
            "\tIf you want an embedded database (H2, HSQL or Derby), please put it on the classpath.",
        ],
    )
    return writer.lines


def port_in_use(service: str = "pos-order", *, port: int = 8080, at: Moment = None) -> list[str]:
    """Fail because the port is taken."""
    writer = _begun(service, at)
    writer.explains(
        [f"Web server failed to start. Port {port} was already in use."],
        [
            (
                f"Identify and stop the process that's listening on port {port} or configure this application to "
                "listen on another port."
            )
        ],
    )
    return writer.lines


def database_refused(service: str = "pos-order", *, host: str = "db.example:5432", at: Moment = None) -> list[str]:
    """Fail because the database refuses connections."""
    return _without_database(
        service,
        at,
        f"org.postgresql.util.PSQLException: Connection to {host} refused. Check that the hostname and port are "
        "correct and that the postmaster is accepting TCP/IP connections.",
        "java.net.ConnectException: Connection refused",
    )


def database_unknown_host(service: str = "pos-order", *, host: str = "db.example", at: Moment = None) -> list[str]:
    """Fail because the database's name does not resolve."""
    return _without_database(
        service,
        at,
        "org.postgresql.util.PSQLException: The connection attempt failed.",
        f"java.net.UnknownHostException: {host}",
    )


def database_login_failed(service: str = "pos-order", *, user: str = "pos_order", at: Moment = None) -> list[str]:
    """Fail because the database does not accept user and password."""
    why = f'FATAL: password authentication failed for user "{user}"'
    return _without_database(service, at, f"org.postgresql.util.PSQLException: {why}")


def pool_exhausted(service: str = "pos-order", *, at: Moment = None) -> list[str]:
    """Fail requests because all connections to the database are in use."""
    writer = spring_lines.SpringLog(service, at)
    writer.lines = normal_start(service, at=at)
    why = (
        "HikariPool-1 - Connection is not available, request timed out after 30001ms "
        "(total=10, active=10, idle=0, waiting=23)"
    )
    writer.log(
        "WARN", "o.h.engine.jdbc.spi.SqlExceptionHelper", "SQL Error: 0, SQLState: null", thread="http-nio-8080-exec-7"
    )
    writer.log("ERROR", "o.h.engine.jdbc.spi.SqlExceptionHelper", why, thread="http-nio-8080-exec-7")
    writer.lines += spring_lines.trace(f"java.sql.SQLTransientConnectionException: {why}", "hikari")
    return writer.lines


def migration_failed(
    service: str = "pos-order", *, script: str = "V12__add_discount.sql", at: Moment = None
) -> list[str]:
    """Fail because Flyway cannot apply a migration."""
    why = f"Script {script} failed"
    bean = "'flywayInitializer' defined in class path resource [org/springframework/boot/autoconfigure/flyway]: "
    writer = _begun(service, at)
    writer.log(
        "ERROR", "o.f.core.internal.command.DbMigrate", f'Migration of schema "public" to version "12" failed! {why}'
    )
    writer.fails(
        *spring_lines.trace(f"{_BEAN_ERROR}{bean}{why}", "refresh"),
        *spring_lines.caused_by(
            f"org.flywaydb.core.internal.command.DbMigrate$FlywayMigrateException: {why}", "refresh"
        ),
        "-" * 33,
        "SQL State  : 42701",
        "Error Code : 0",
        'Message    : ERROR: column "discount" of relation "orders" already exists',
        f"Location   : db/migration/{script} (/app/app.jar!/BOOT-INF/classes!/db/migration/{script})",
        "Line       : 3",
        "Statement  : ALTER TABLE orders ADD COLUMN discount numeric(12,2)",
    )
    return writer.lines


def out_of_memory(service: str = "pos-order", *, at: Moment = None) -> list[str]:
    """Run out of heap."""
    writer = spring_lines.SpringLog(service, at)
    writer.lines = normal_start(service, at=at)
    told = "Handler dispatch failed: java.lang.OutOfMemoryError: Java heap space"
    writer.log("ERROR", "o.a.c.c.C.[.[.[/].[dispatcherServlet]", told, thread="http-nio-8080-exec-3")
    writer.lines += [
        *spring_lines.trace(f"jakarta.servlet.ServletException: {told}", "request"),
        *spring_lines.caused_by("java.lang.OutOfMemoryError: Java heap space", "request"),
        "java.lang.OutOfMemoryError: Java heap space",
        "Dumping heap to /tmp/java_pid1.hprof ...",
        "Terminating due to java.lang.OutOfMemoryError: Java heap space",
    ]
    return writer.lines


def wrong_java(service: str = "pos-order", *, at: Moment = None) -> list[str]:
    """Fail because the image has an older Java than the code was compiled for; not even a banner comes."""
    writer = spring_lines.SpringLog(service, at)
    compiled = f"{writer.package.replace('.', '/')}/{writer.application}"
    return [
        "Error: LinkageError occurred while loading main class org.springframework.boot.loader.launch.JarLauncher",
        (
            f"\tjava.lang.UnsupportedClassVersionError: {compiled} has been compiled by a more recent version of the "
            "Java Runtime (class file version 65.0), this version of the Java Runtime only recognizes class file "
            "versions up to 61.0"
        ),
    ]


def bean_failure(service: str = "pos-order", *, at: Moment = None) -> list[str]:
    """Fail because of a bean deep down: three errors, each caused by the next."""
    writer = _begun(service, at)
    missing = f"{writer.package}.client.InventoryClient"
    controller = (
        "'orderController' defined in URL [jar:nested:/app/app.jar/!BOOT-INF/classes/!/OrderController.class]: "
    )
    expected = "expected at least 1 bean which qualifies as autowire candidate"
    why = f"No qualifying bean of type '{missing}' available: {expected}"
    writer.fails(
        *spring_lines.trace(
            f"{_DEPENDENCY_ERROR}{controller}Unsatisfied dependency expressed through constructor parameter 0",
            "refresh",
        ),
        *spring_lines.caused_by(
            f"{_DEPENDENCY_ERROR}'orderService': Unsatisfied dependency expressed through constructor parameter 2",
            "refresh",
        ),
        *spring_lines.caused_by(f"org.springframework.beans.factory.NoSuchBeanDefinitionException: {why}", "refresh"),
    )
    return writer.lines


def repeated_traces(service: str = "pos-order", *, times: int = 20, at: Moment = None) -> list[str]:
    """Write the same stack trace again and again, with another order's number each time."""
    writer = spring_lines.SpringLog(service, at)
    for number in range(times):
        thread = f"http-nio-8080-exec-{number % 10}"
        writer.log(
            "ERROR", f"{writer.package}.OrderController", f"order {4711 + number} could not be priced", thread=thread
        )
        own = [f"{writer.package}.PriceClient.fetch(PriceClient.java:88)"]
        error = "feign.RetryableException: Read timed out executing GET http://pos-price:9008/v1/prices"
        writer.lines += spring_lines.trace(error, "request", own=own)
    return writer.lines


def secrets(service: str = "pos-order", *, at: Moment = None) -> list[str]:
    """Write passwords and tokens in several shapes."""
    writer = spring_lines.SpringLog(service, at)
    own = f"{writer.package}.Debugging"
    for message in (
        f"connecting with spring.datasource.password={PASSWORD}",
        f"url jdbc:postgresql://pos:{PASSWORD}@db.example:5432/pos",
        f"Authorization: Bearer {TOKEN}",
        f'{{"client_secret": "{PASSWORD}", "grant_type": "client_credentials"}}',
        f"GET https://api.example/v1/items?api_key={PASSWORD}&page=2",
    ):
        writer.log("DEBUG", own, message)
    return writer.lines


def escapes() -> list[str]:
    """Write with colours, a bell, a carriage return and a title for the terminal."""
    return [
        "\x1b[2m2026-02-11T16:25:03.114Z\x1b[0;39m \x1b[31mERROR\x1b[0;39m \x1b[35m1\x1b[0;39m could not open the till",
        "\x1b]0;a title\x07\x07beep",
        "progress  10%\rprogress 100%",
        "\x1b[2J\x1b[Hcleared",
    ]


def markup() -> list[str]:
    """Write what Slack would take for markup."""
    return [
        "<!channel> <!here> <@U0MAYA> <#C0OPS|ops>",
        "see <https://evil.example|https://posbot.example/runbook> & *now*",
        "```code``` that ends a block: ``` and goes on",
        "_low_ ~stock~ :fire: &lt;b&gt;",
    ]


def _begun(service: str, at: Moment) -> spring_lines.SpringLog:
    writer = spring_lines.SpringLog(service, at)
    writer.begins()
    writer.serves(8080)
    return writer


def _without_database(service: str, at: Moment, error: str, cause: str = "") -> list[str]:
    writer = _begun(service, at)
    writer.info(spring_lines.POOL, "HikariPool-1 - Starting...")
    writer.log("ERROR", "com.zaxxer.hikari.pool.HikariPool", "HikariPool-1 - Exception during pool initialization.")
    why = error.partition(": ")[2]
    writer.fails(
        *spring_lines.trace(
            f"{_BEAN_ERROR}'entityManagerFactory' defined in class path resource {_FACTORY}: {why}", "refresh"
        ),
        *spring_lines.caused_by(f"{_DIALECT}{why}", "refresh"),
        *spring_lines.caused_by(error, "postgres"),
        *(spring_lines.caused_by(cause, "postgres", more=20) if cause else []),
    )
    return writer.lines


FAILURES: Mapping[str, Callable[[], list[str]]] = {
    "unresolved placeholder": unresolved_placeholder,
    "missing property": missing_property,
    "missing data source": missing_data_source,
    "port in use": port_in_use,
    "database refused": database_refused,
    "database unknown": database_unknown_host,
    "database login failed": database_login_failed,
    "pool exhausted": pool_exhausted,
    "migration failed": migration_failed,
    "out of memory": out_of_memory,
    "wrong java": wrong_java,
    "bean failure": bean_failure,
}
"""Every way in which a service fails, by a few words for it."""
