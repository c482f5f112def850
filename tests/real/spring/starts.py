"""
The failing starts of `tests/corpus`: which application is started how, and what has to be there before.

In properties `{name}` is the port of a server: `{database}` of PostgreSQL, `{redis}` of a listener that refuses the
login, `{redis_away}` of nobody; `{root}` is the folder that stands for the file system of a container.
"""

import dataclasses
from collections.abc import Mapping

_DATABASE = "spring.datasource.url"
_POSTGRESQL = {
    _DATABASE: "jdbc:postgresql://pos-db:{database}/orders",
    "spring.datasource.username": "pos",
    "spring.datasource.password": "pos",
}
_FLYWAY = {"spring.flyway.enabled": "true"}
_LIQUIBASE = {"spring.liquibase.enabled": "true"}
_FAILED_MIGRATION = {
    **_FLYWAY,
    _DATABASE: "jdbc:h2:file:./data/orders",
    "spring.flyway.locations": "classpath:db/broken",
}
_CONFIG_SERVER = {"spring.cloud.config.enabled": "true", "spring.cloud.config.fail-fast": "true"}
_EUREKA = "eureka.client.service-url.defaultZone"
_KAFKA = "spring.kafka.bootstrap-servers"
_KAFKA_TOPIC = {
    "spring.kafka.admin.fail-fast": "true",
    "spring.kafka.admin.operation-timeout": "3s",
    "spring.kafka.admin.properties.default.api.timeout.ms": "3000",
    "spring.kafka.admin.properties.request.timeout.ms": "1000",
}
_KEY_STORE = {"server.ssl.key-store": "file:keystore.p12", "server.ssl.key-store-type": "PKCS12"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Start:
    """One way to start the service that fails."""

    module: str = "web"
    profile: str = ""
    properties: Mapping[str, str] = dataclasses.field(default_factory=dict)
    options: tuple[str, ...] = ()
    """Of the JVM, after those of all starts."""
    jar: str = ""
    """What is wrong with the jar; see `jars.py`."""
    java: str = ""
    """`17` if it is run by a Java that is too old."""
    limits: tuple[str, ...] = ()
    """Of the process, as options of `prlimit`."""
    before: Mapping[str, str] | None = None
    """Properties of an earlier start with the same database, which exits before it serves."""
    sql: str = ""
    """Executed in the database before the start."""
    is_unprivileged: bool = False
    """Run by a user who may not read or write everything."""
    needs_eureka: bool = False
    is_before_logging: bool = False
    """It fails before a structured log begins."""
    exit_code: int = 1
    boot: str = ""
    """The version of Spring Boot, if it is recorded with one only."""

    def is_recorded(self, form: "Format") -> bool:
        """Return whether the corpus has it in that format."""
        return self.boot in {"", form.boot} and (form.is_plain or not self.is_before_logging)


def _data(properties: Mapping[str, str], **further: object) -> Start:
    return Start(module="data", properties={**_POSTGRESQL, **properties}, **further)  # type: ignore[arg-type]


def _messaging(profile: str, properties: Mapping[str, str], boot: str = "") -> Start:
    return Start(module="messaging", profile=profile, properties=properties, boot=boot)


def _registered(properties: Mapping[str, str], **further: object) -> Start:
    return Start(module="registered", properties=properties, **further)  # type: ignore[arg-type]


STARTS: Mapping[str, Start] = {
    # Before Spring Boot logs anything.
    "java-too-old": Start(java="17", is_before_logging=True),
    "java-option": Start(options=("-Xms512m", "-Xmx256m"), is_before_logging=True),
    "no-main-manifest": Start(jar="library", is_before_logging=True),
    "jar-corrupt": Start(jar="corrupt", is_before_logging=True),
    "main-class-missing": Start(jar="without-main-class", is_before_logging=True),
    "logging-two-bindings": Start(module="logging", is_before_logging=True),
    "profile-file": Start(profile="production", is_before_logging=True),
    "import-missing": Start(properties={"spring.config.import": "file:./shop.yaml"}, is_before_logging=True),
    "yaml-invalid": Start(properties={"spring.config.additional-location": "file:./settings/"}, is_before_logging=True),
    # With a configuration of its own: without one Spring Boot starts and writes no file.
    "log-file-permission": Start(
        properties={
            "logging.config": "file:{root}/etc/logback.xml",
            "logging.file.name": "{root}/var/log/pos/order.log",
        },
        is_unprivileged=True,
        is_before_logging=True,
    ),
    # Beans and properties.
    "bean-missing": Start(profile="bean-missing"),
    "bean-ambiguous": Start(profile="bean-ambiguous"),
    "bean-overridden": Start(profile="bean-overridden"),
    "bean-circle": Start(profile="bean-circle"),
    "bean-constructor": Start(profile="bean-constructor"),
    "binding-blank": Start(profile="binding", properties={"pos.catalog.base-url": " "}),
    "binding-conversion": Start(
        profile="binding", properties={"pos.catalog.base-url": "http://pos-catalog", "pos.catalog.timeout": "soon"}
    ),
    "placeholder": Start(profile="placeholder"),
    "mapping-ambiguous": Start(profile="mapping-ambiguous"),
    "class-missing": Start(profile="prices", jar="without-prices"),
    "method-missing": Start(profile="prices", jar="with-next-prices"),
    "runner-failed": Start(profile="price-import", properties={"pos.prices": "/data/prices.csv"}),
    # The machine.
    "port-taken": Start(properties={"server.port": "{server_taken}"}),
    "heap": Start(profile="heap", options=("-Xmx48m",)),
    # Without the second option it may hang, because its shutdown needs classes as well.
    "metaspace": Start(options=("-XX:MaxMetaspaceSize=24m", "-XX:+ExitOnOutOfMemoryError"), exit_code=3),
    "native-thread": Start(
        profile="native-thread",
        options=("-Xss1m", "-XX:ReservedCodeCacheSize=32m", "-XX:CompressedClassSpaceSize=64m"),
        limits=("--as=3000000000",),
    ),
    "keystore-missing": Start(properties={**_KEY_STORE, "server.ssl.key-store": "classpath:keystore.p12"}),
    "keystore-password": Start(properties={**_KEY_STORE, "server.ssl.key-store-password": "letmein"}),
    "file-permission": Start(
        profile="signing-key", properties={"pos.signing-key": "{root}/etc/pos/signing.key"}, is_unprivileged=True
    ),
    "tmp-permission": Start(options=("-Djava.io.tmpdir={root}/var/tmp/pos",), is_unprivileged=True),
    # Nothing keeps it running.
    "no-web-server": Start(module="worker", exit_code=0),
    "no-web-server-eureka": _registered(
        {_EUREKA: "http://pos-service-discovery:{eureka}/eureka/"}, needs_eureka=True, exit_code=0
    ),
    "no-web-server-eureka-away": _registered(
        {_EUREKA: "http://pos-service-discovery:{eureka_away}/eureka/"}, exit_code=0
    ),
    # Other systems.
    # Without refresh scope the client of the registry, and its warnings, come before the missing bean.
    "eureka-away-bean-missing": _registered(
        {_EUREKA: "http://pos-service-discovery:{eureka_away}/eureka/", "spring.cloud.refresh.enabled": "false"},
        profile="bean-missing",
    ),
    "config-server-refused": _registered(
        {**_CONFIG_SERVER, "spring.config.import": "configserver:http://pos-config:{config_away}"},
        is_before_logging=True,
    ),
    "config-server-login": _registered(
        {**_CONFIG_SERVER, "spring.config.import": "configserver:http://pos-config:{config}"},
        is_before_logging=True,
    ),
    "redis-refused": _messaging(
        "redis", {"spring.data.redis.host": "pos-redis", "spring.data.redis.port": "{redis_away}"}
    ),
    "redis-login": _messaging(
        "redis",
        {
            "spring.data.redis.host": "pos-redis",
            "spring.data.redis.port": "{redis}",
            "spring.data.redis.password": "letmein",
        },
    ),
    "rabbit-refused": _messaging(
        "rabbit", {"spring.rabbitmq.host": "pos-rabbit", "spring.rabbitmq.port": "{rabbit_away}"}
    ),
    "rabbit-login": _messaging("rabbit", {"spring.rabbitmq.host": "pos-rabbit", "spring.rabbitmq.port": "{rabbit}"}),
    "kafka-unknown-host": _messaging("kafka-topic", {**_KAFKA_TOPIC, _KAFKA: "kafka.positivity.svc:9092"}),
    "kafka-refused": _messaging("kafka-topic", {**_KAFKA_TOPIC, _KAFKA: "pos-kafka:{kafka_away}"}),
    "kafka-login": _messaging(
        "kafka-topic",
        {
            **_KAFKA_TOPIC,
            _KAFKA: "pos-kafka:{kafka}",
            "spring.kafka.security.protocol": "SASL_PLAINTEXT",
            "spring.kafka.properties.sasl.mechanism": "PLAIN",
            "spring.kafka.properties.sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule "
            'required username="pos" password="letmein";',
        },
        boot="3.5",  # the older client has no SASL on Java 24 or later
    ),
    "kafka-away-file-missing": _messaging("kafka-listener", {_KAFKA: "pos-kafka:{kafka_away}"}),
    # The database.
    "database-refused": _data({_DATABASE: "jdbc:postgresql://pos-db:{database_away}/orders"}),
    "database-refused-flyway": _data({**_FLYWAY, _DATABASE: "jdbc:postgresql://pos-db:{database_away}/orders"}),
    "database-unknown-host": _data({_DATABASE: "jdbc:postgresql://pos-db.positivity.svc:5432/orders"}),
    "database-silent": _data(
        {
            _DATABASE: "jdbc:postgresql://pos-db:{database_silent}/orders",
            "spring.datasource.hikari.connection-timeout": "2000",
        },
        boot="3.2",  # the pool of 3.5 limits no login, so this start hangs instead
    ),
    "database-login": _data({"spring.datasource.password": "letmein"}),
    "database-unknown": _data({_DATABASE: "jdbc:postgresql://pos-db:{database}/order"}),
    "database-connections": _data({}, sql="alter role pos connection limit 0"),
    "database-url-missing": Start(
        module="data", properties={"spring.datasource.driver-class-name": "org.postgresql.Driver"}
    ),
    "database-driver-of-another": _data({"spring.datasource.driver-class-name": "org.h2.Driver"}),
    "database-driver-missing": _data({"spring.datasource.driver-class-name": "com.mysql.cj.jdbc.Driver"}),
    "pool-timeout": _data(
        {
            "spring.datasource.hikari.maximum-pool-size": "1",
            "spring.datasource.hikari.connection-timeout": "2000",
        },
        profile="ledger",
    ),
    "schema-table-missing": _data({"spring.jpa.hibernate.ddl-auto": "validate"}),
    "schema-column-type": _data(
        {"spring.jpa.hibernate.ddl-auto": "validate"},
        sql="create table orders (id bigint primary key, total varchar(20))",
    ),
    "entity-mapping": _data({}, profile="mapped-by"),
    "flyway-sql": Start(module="data", properties=_FAILED_MIGRATION),
    "flyway-failed-earlier": Start(module="data", properties=_FAILED_MIGRATION, before=_FAILED_MIGRATION),
    "flyway-checksum": _data(
        {**_FLYWAY, "spring.flyway.locations": "classpath:db/changed"}, before={**_POSTGRESQL, **_FLYWAY}
    ),
    "liquibase-sql": _data({**_LIQUIBASE, "spring.liquibase.change-log": "classpath:db/broken/changelog.yaml"}),
    "liquibase-checksum": _data(
        {**_LIQUIBASE, "spring.liquibase.change-log": "classpath:db/changed/changelog.yaml"},
        before={**_POSTGRESQL, **_LIQUIBASE},
    ),
    # With a change that is pending: Liquibase takes no lock where everything has been applied.
    "liquibase-locked": _data(
        {**_LIQUIBASE, "spring.liquibase.change-log": "classpath:db/broken/changelog.yaml"},
        options=("-Dliquibase.changelogLockWaitTimeInMinutes=1",),
        before={**_POSTGRESQL, **_LIQUIBASE},
        sql="update databasechangeloglock set locked = true, lockedby = 'pos-order-6f7c9d5b4-xk2lp (10.1.4.7)', "
        "lockgranted = '2026-01-15 08:12:00'",
    ),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Format:
    """A version of Spring Boot and how it logs."""

    boot: str
    properties: Mapping[str, str] = dataclasses.field(default_factory=dict)
    is_plain: bool = False


FORMATS: Mapping[str, Format] = {
    "boot-3.2-plain": Format(boot="3.2", is_plain=True),
    "boot-3.2-ansi": Format(boot="3.2", properties={"spring.output.ansi.enabled": "always"}),
    "boot-3.5-plain": Format(boot="3.5", is_plain=True),
    "boot-3.5-ecs": Format(boot="3.5", properties={"logging.structured.format.console": "ecs"}),
    "boot-3.5-logstash": Format(boot="3.5", properties={"logging.structured.format.console": "logstash"}),
    "boot-3.5-gelf": Format(boot="3.5", properties={"logging.structured.format.console": "gelf"}),
}
UNSTRUCTURED = "3.2"
"""The version that has no structured logs."""
ALL_FORMATS = Format(
    boot="3.5",
    properties={
        "logging.structured.format.console": "ecs",
        "logging.config": "file:{root}/etc/formats.xml",
        "spring.main.banner-mode": "console",
    },
)
