"""How Spring Boot and Logback write: lines, banners, stack traces, and the block of a failed start."""

import datetime
from collections.abc import Iterable, Sequence

BANNER = (
    "",
    "  .   ____          _            __ _ _",
    r" /\\ / ___'_ __ _ _(_)_ __  __ _ \ \ \ \ ",
    r"( ( )\___ | '_ | '_| | '_ \/ _` | \ \ \ \ ",
    r" \\/  ___)| |_)| | | | | || (_| |  ) ) ) )",
    "  '  |____| .__|_| |_|_| |_\\__, | / / / /",
    " =========|_|==============|___/=/_/_/_/",
    "",
    " :: Spring Boot ::                (v3.5.4)",
    "",
)
POOL = "com.zaxxer.hikari.HikariDataSource"
_LOGGER_WIDTH = 40
_STEP = datetime.timedelta(milliseconds=137)
_FRAMES = {
    "refresh": (
        (
            "org.springframework.beans.factory.support.AbstractAutowireCapableBeanFactory.createBean"
            "(AbstractAutowireCapableBeanFactory.java:529)"
        ),
        (
            "org.springframework.beans.factory.support.AbstractBeanFactory.lambda$doGetBean$0"
            "(AbstractBeanFactory.java:339)"
        ),
        "org.springframework.context.support.AbstractApplicationContext.refresh(AbstractApplicationContext.java:627)",
        "org.springframework.boot.SpringApplication.refresh(SpringApplication.java:752)",
        "org.springframework.boot.SpringApplication.run(SpringApplication.java:318)",
    ),
    "hikari": (
        "com.zaxxer.hikari.pool.HikariPool.createTimeoutException(HikariPool.java:710)",
        "com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:163)",
        "com.zaxxer.hikari.HikariDataSource.getConnection(HikariDataSource.java:111)",
    ),
    "postgres": (
        "org.postgresql.core.v3.ConnectionFactoryImpl.openConnectionImpl(ConnectionFactoryImpl.java:364)",
        "org.postgresql.core.ConnectionFactory.openConnection(ConnectionFactory.java:54)",
        "org.postgresql.jdbc.PgConnection.<init>(PgConnection.java:273)",
        "org.postgresql.Driver.connect(Driver.java:298)",
    ),
    "request": (
        "org.springframework.web.servlet.FrameworkServlet.service(FrameworkServlet.java:885)",
        "org.apache.catalina.core.ApplicationFilterChain.doFilter(ApplicationFilterChain.java:138)",
        "java.base/java.lang.Thread.run(Thread.java:1583)",
    ),
}


class SpringLog:
    """Collects the lines of one start of a service."""

    def __init__(self, service: str, at: datetime.datetime | None) -> None:
        self.service = service
        self.package = "com.positivity." + service.removeprefix("pos-").replace("-", "")
        self.application = "".join(word.capitalize() for word in service.split("-")) + "Application"
        self.lines: list[str] = []
        self._at = at or datetime.datetime.now(datetime.UTC)

    def log(self, level: str, logger: str, message: str, *, thread: str = "main") -> None:
        """Add a line in Spring Boot's own layout."""
        at = self._at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._at += _STEP
        name = shortened(logger)
        self.lines.append(f"{at} {level:>5} 1 --- [{self.service}] [{thread[-15:]:>15}] {name:<40} : {message}")

    def info(self, logger: str, message: str) -> None:
        """Add a line that all is well."""
        self.log("INFO", logger, message)

    def begins(self) -> None:
        """Add what every start begins with."""
        self.lines += BANNER
        own = f"{self.package}.{self.application}"
        self.info(
            own,
            f"Starting {self.application} v1.4.2 using Java 21.0.7 with PID 1 (/app/app.jar started by app in /app)",
        )
        self.info(own, 'The following 1 profile is active: "staging"')

    def serves(self, port: int) -> None:
        """Add what follows when the web server is set up."""
        self.info("o.s.b.w.embedded.tomcat.TomcatWebServer", f"Tomcat initialized with port {port} (http)")
        self.info("o.apache.catalina.core.StandardService", "Starting service [Tomcat]")
        self.info(
            "w.s.c.ServletWebServerApplicationContext",
            "Root WebApplicationContext: initialization completed in 2871 ms",
        )

    def fails(self, *trace: str) -> None:
        """Add the line of a failed start, with its stack trace."""
        self.log("ERROR", "o.s.boot.SpringApplication", "Application run failed")
        self.lines += ["", *trace]

    def explains(self, description: Iterable[str], action: Iterable[str]) -> None:
        """Add the block by which Spring Boot explains a failed start."""
        stars = "***************************"
        self.log("ERROR", "o.s.b.d.LoggingFailureAnalysisReporter", "")
        self.lines += ["", stars, "APPLICATION FAILED TO START", stars, ""]
        self.lines += ["Description:", "", *description, "", "Action:", "", *action, ""]


def shortened(logger: str) -> str:
    """Shorten the packages of a logger's name from the left until it fits, as Logback does."""
    parts = logger.split(".")
    for position in range(len(parts) - 1):
        if len(".".join(parts)) <= _LOGGER_WIDTH:
            break
        parts[position] = parts[position][:1]
    return ".".join(parts)[-_LOGGER_WIDTH:]


def trace(error: str, frames: str, *, more: int = 0, own: Sequence[str] = ()) -> list[str]:
    """Write an exception with its frames; *own* are those of the service, which come first."""
    written = [f"\tat {frame}" for frame in (*own, *_FRAMES[frames])]
    return [error, *written, *([f"\t... {more} common frames omitted"] if more else [])]


def caused_by(error: str, frames: str, *, more: int = 12) -> list[str]:
    """Write what an exception was caused by."""
    return trace(f"Caused by: {error}", frames, more=more)


def normal_start(service: str = "pos-order", *, port: int = 8080, at: datetime.datetime | None = None) -> list[str]:
    """Return what a service writes that starts well; pods write it when nothing else is said."""
    writer = SpringLog(service, at)
    writer.begins()
    writer.serves(port)
    writer.info(POOL, "HikariPool-1 - Starting...")
    writer.info(POOL, "HikariPool-1 - Start completed.")
    writer.info("o.f.core.internal.command.DbMigrate", 'Schema "public" is up to date. No migration necessary.')
    writer.info("o.s.b.a.e.web.EndpointLinksResolver", "Exposing 4 endpoints beneath base path '/actuator'")
    writer.info(
        "o.s.b.w.embedded.tomcat.TomcatWebServer", f"Tomcat started on port {port} (http) with context path '/'"
    )
    writer.info(
        f"{writer.package}.{writer.application}",
        f"Started {writer.application} in 8.914 seconds (process running for 9.787)",
    )
    return writer.lines
