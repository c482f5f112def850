"""What a module is, registers as and serves, compared with the catalog."""

import pathlib

import pytest

from bot import errors
from bot.config import drift
from tests.unit.config import checkouts

POM = "pos-order/pom.xml"
SETTINGS = "pos-order/src/main/resources/application.properties"
COMPOSE = "docker-compose.yml"


@pytest.fixture
def checkout(tmp_path: pathlib.Path) -> pathlib.Path:
    checkouts.create(tmp_path)
    return tmp_path


def test_small_backend_agrees_with_its_catalog(checkout: pathlib.Path) -> None:
    assert checkouts.found(checkout) == []


@pytest.mark.parametrize(
    ("settings", "changes", "difference"),
    [
        pytest.param("server.port=8082", {}, ("port", "8081", "8082", SETTINGS), id="port"),
        pytest.param(
            "spring.application.name=ORDERS",
            {},
            ("application name", "ORDER-SERVICE", "ORDERS", SETTINGS),
            id="application name",
        ),
        pytest.param("", {"eureka_id": None}, ("application name", "POS-ORDER", "ORDER-SERVICE", SETTINGS), id="id"),
        pytest.param(
            "eureka.client.register-with-eureka=false",
            {},
            ("registration", "ORDER-SERVICE", "switched off in its settings", POM),
            id="registration switched off",
        ),
        pytest.param(
            "eureka.client.enabled: false",
            {},
            ("registration", "ORDER-SERVICE", "switched off in its settings", POM),
            id="client switched off",
        ),
        pytest.param(
            "spring.main.web-application-type=none", {}, ("web server", "port 8081", "none", POM), id="web type none"
        ),
        pytest.param("server.ssl.enabled=true", {}, ("scheme", "http", "https", SETTINGS), id="TLS"),
        pytest.param("server.ssl.key-store=classpath:a.p12", {}, ("scheme", "http", "https", SETTINGS), id="key store"),
        pytest.param("server.ssl.bundle=web", {}, ("scheme", "http", "https", SETTINGS), id="TLS bundle"),
        pytest.param("", {"scheme": "https"}, ("scheme", "https", "http", SETTINGS), id="no TLS"),
        pytest.param(
            "management.server.port=9090", {}, ("management port", "8081", "9090", SETTINGS), id="management port"
        ),
        pytest.param("", {"management_port": 9090}, ("management port", "9090", "none", POM), id="no management port"),
        pytest.param(
            "management.endpoints.web.base-path=/manage",
            {},
            ("health path", "/actuator/health", "/manage/health", SETTINGS),
            id="base path",
        ),
        pytest.param(
            "server.servlet.context-path=/orders",
            {},
            ("health path", "/actuator/health", "/orders/actuator/health", SETTINGS),
            id="context path",
        ),
        pytest.param(
            "management.endpoints.web.path-mapping.health=ping",
            {},
            ("health path", "/actuator/health", "/actuator/ping", SETTINGS),
            id="path mapping",
        ),
        pytest.param(
            "management.endpoints.web.exposure.include=info,prometheus",
            {},
            ("actuator", "/actuator/health", "health is not exposed", POM),
            id="health not included",
        ),
        pytest.param(
            "management.endpoint.health.enabled=false",
            {},
            ("actuator", "/actuator/health", "health is not exposed", POM),
            id="health switched off",
        ),
        pytest.param(
            "management.server.port=-1",
            {},
            ("actuator", "/actuator/health", "health is not exposed", POM),
            id="actuator switched off",
        ),
        pytest.param(
            "management.endpoints.web.exposure.include=health,info",
            {},
            ("Prometheus", "/actuator/prometheus", "exposed: health,info", POM),
            id="metrics not exposed",
        ),
    ],
)
def test_difference_in_the_settings_is_found(
    checkout: pathlib.Path, settings: str, changes: dict[str, object], difference: tuple[str, ...]
) -> None:
    checkouts.write(checkouts.resource(checkout, "pos-order"), checkouts.SETTINGS + settings + "\n")

    found = checkouts.found(checkout, **changes)

    assert ("pos-order", *difference) in found
    assert {about for service, about, *_ in found if service == "pos-order"} <= {difference[0], "route"}


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        pytest.param("server.port=${PORT}", {}, id="port of the environment"),
        pytest.param("server.port=0", {}, id="any free port"),
        pytest.param("server.port=${SERVER_PORT:8081}", {}, id="variable named like the property"),
        pytest.param("server.port=${server.port:1}", {}, id="property that is defined by itself"),
        pytest.param("a.b=${c.d}\nc.d=${a.b}\nserver.port=${a.b}", {}, id="circle"),
        pytest.param("spring.application.name=${NAME:order-service}", {}, id="name in lower case by default"),
        pytest.param("app.id=order\nspring.application.name=${app.id}-service", {}, id="name of another property"),
        pytest.param("spring.application.name=@project.name@", {}, id="name that Maven fills in"),
        pytest.param("server.ssl.enabled=false\nserver.ssl.bundle=web", {}, id="TLS switched off"),
        pytest.param("server.ssl.enabled=true", {"scheme": "https"}, id="TLS in both"),
        pytest.param("management.server.port=9090", {"management_port": 9090}, id="management port in both"),
        pytest.param("management.server.port=8081", {}, id="management port is the port"),
        pytest.param(
            "management.server.port=9090\nserver.servlet.context-path=/x", {"management_port": 9090}, id="no context"
        ),
        pytest.param(
            "management.endpoints.web.base-path=/manage", {"management_base_path": "/manage"}, id="base path in both"
        ),
        pytest.param("management.endpoints.web.exposure.include=*", {}, id="everything exposed"),
        pytest.param("# server.port=1\n! server.port=2", {}, id="comments"),
        pytest.param("server.port=\\\n  8081", {}, id="continued line"),
        pytest.param("#---\nspring.config.activate.on-profile=prod\nserver.port=1", {}, id="document of a profile"),
    ],
)
def test_settings_that_agree_are_no_drift(checkout: pathlib.Path, settings: str, changes: dict[str, object]) -> None:
    checkouts.write(checkouts.resource(checkout, "pos-order"), checkouts.SETTINGS + settings + "\n")

    assert checkouts.found(checkout, **changes) == []


@pytest.mark.parametrize(
    ("file", "text", "port"),
    [
        pytest.param("application.yml", "server: {port: 1}", "", id="properties win over YAML"),
        pytest.param("config/application.properties", "server.port=1", "1", id="config folder wins"),
        pytest.param("application-default.yml", "server.port: 1", "1", id="default profile"),
        pytest.param("application-prod.yml", "server.port: 1", "", id="profile that is not active"),
    ],
)
def test_file_with_the_higher_precedence_counts(checkout: pathlib.Path, file: str, text: str, port: str) -> None:
    checkouts.write(checkouts.resource(checkout, "pos-order", file), text)

    assert [one[3] for one in checkouts.found(checkout)] == ([port] if port else [])


def test_active_profile_of_the_settings_counts(checkout: pathlib.Path) -> None:
    settings = checkouts.SETTINGS + "spring.profiles.active=dev\n"
    checkouts.write(checkouts.resource(checkout, "pos-order"), settings)
    checkouts.write(checkouts.resource(checkout, "pos-order", "application-dev.properties"), "server.port=1\n")

    assert [one[3] for one in checkouts.found(checkout)] == ["1"]


@pytest.mark.parametrize(
    ("dependencies", "more", "difference"),
    [
        pytest.param(
            (checkouts.EUREKA, *checkouts.ACTUATOR),
            checkouts.REPACKAGE,
            ("web server", "port 8081", "none", POM),
            id="no web server",
        ),
        pytest.param(
            (
                checkouts.EUREKA,
                *checkouts.ACTUATOR,
                checkouts.dependency(
                    "spring-boot-starter-web",
                    "<exclusions><exclusion><artifactId>spring-boot-starter-tomcat</artifactId></exclusion></exclusions>",
                ),
            ),
            checkouts.REPACKAGE,
            ("web server", "port 8081", "none", POM),
            id="server excluded",
        ),
        pytest.param(
            (
                checkouts.EUREKA,
                *checkouts.ACTUATOR,
                checkouts.dependency("spring-boot-starter-web", "<scope>test</scope>"),
                checkouts.dependency("springdoc-openapi-starter-webmvc-ui", group="org.springdoc"),
            ),
            checkouts.REPACKAGE,
            ("web server", "port 8081", "none", POM),
            id="server of tests",
        ),
        pytest.param(
            (*checkouts.WEB, checkouts.EUREKA),
            "",
            ("jar", "service", "no runnable jar, spring-boot:repackage is not used", POM),
            id="not repackaged",
        ),
        pytest.param(
            (*checkouts.WEB, checkouts.EUREKA),
            checkouts.REPACKAGE.replace("<executions>", "<configuration><skip>true</skip></configuration><executions>"),
            ("jar", "service", "no runnable jar, spring-boot:repackage is not used", POM),
            id="repackaging skipped",
        ),
        pytest.param(
            checkouts.WEB,
            checkouts.REPACKAGE,
            ("registration", "ORDER-SERVICE", "no Eureka client", POM),
            id="no Eureka client",
        ),
        pytest.param(
            (*checkouts.WEB[:1], checkouts.EUREKA, "spring-boot-actuator"),
            checkouts.REPACKAGE,
            ("actuator", "/actuator/health", "no spring-boot-starter-actuator", POM),
            id="no actuator",
        ),
        pytest.param(
            (*checkouts.WEB[:2], checkouts.EUREKA),
            checkouts.REPACKAGE,
            ("Prometheus", "/actuator/prometheus", "no micrometer-registry-prometheus", POM),
            id="no metrics registry",
        ),
    ],
)
def test_difference_in_the_pom_is_found(
    checkout: pathlib.Path, dependencies: tuple[str, ...], more: str, difference: tuple[str, ...]
) -> None:
    checkouts.write(checkout / POM, checkouts.pom("pos-order", dependencies, more=more))

    assert checkouts.found(checkout) == [("pos-order", *difference)]


def test_dependencies_and_plugin_of_the_parent_count(checkout: pathlib.Path) -> None:
    inherited = "".join(map(checkouts.dependency, (*checkouts.WEB, checkouts.EUREKA)))
    above = f"<dependencies>{inherited}</dependencies>{checkouts.REPACKAGE}"
    checkouts.write(checkout / "pom.xml", checkouts.root(more=above))
    checkouts.write(checkout / POM, checkouts.pom("pos-order", (), more=""))

    assert checkouts.found(checkout) == []


def test_parent_of_spring_binds_repackaging(checkout: pathlib.Path) -> None:
    spring = "<parent><groupId>g</groupId><artifactId>spring-boot-starter-parent</artifactId></parent>"
    plugin = "<build><plugins><plugin><artifactId>spring-boot-maven-plugin</artifactId></plugin></plugins></build>"
    checkouts.write(checkout / POM, checkouts.pom("pos-order", (*checkouts.WEB, checkouts.EUREKA), more=plugin))
    assert [one[1] for one in checkouts.found(checkout)] == ["jar"]

    checkouts.write(checkout / "pom.xml", checkouts.root(more=spring))
    assert checkouts.found(checkout) == []


def test_web_server_of_another_module_counts(checkout: pathlib.Path) -> None:
    modules = ("pos-order", "pos-gateway", "pos-discovery", "pos-common")
    checkouts.write(checkout / "pom.xml", checkouts.root(modules))
    checkouts.write(checkout / "pos-common" / "pom.xml", checkouts.pom("pos-common", more=""))
    common = checkouts.dependency("pos-common", group="com.positivity")
    checkouts.write(checkout / POM, checkouts.pom("pos-order", (common, checkouts.EUREKA)))

    assert checkouts.found(checkout) == [("pos-common", "module", "not listed", "built", "pom.xml")]


def test_exclusion_counts_for_what_another_module_brings(checkout: pathlib.Path) -> None:
    modules = ("pos-order", "pos-gateway", "pos-discovery", "pos-common")
    checkouts.write(checkout / "pom.xml", checkouts.root(modules))
    checkouts.write(checkout / "pos-common" / "pom.xml", checkouts.pom("pos-common", more=""))
    excluded = "<exclusions><exclusion><artifactId>spring-boot-starter-tomcat</artifactId></exclusion></exclusions>"
    common = checkouts.dependency("pos-common", excluded, group="com.positivity")
    checkouts.write(checkout / POM, checkouts.pom("pos-order", (common, checkouts.EUREKA)))

    assert ("pos-order", "web server", "port 8081", "none", POM) in checkouts.found(checkout)


def test_starter_from_elsewhere_may_bring_a_server(checkout: pathlib.Path) -> None:
    foreign = checkouts.dependency("acme-starter-service", group="com.acme")
    checkouts.write(checkout / POM, checkouts.pom("pos-order", (foreign,)))

    assert checkouts.found(checkout) == []


def test_web_server_without_a_port_in_the_catalog_is_found(checkout: pathlib.Path) -> None:
    settings = checkouts.SETTINGS.replace("server.port=8081\n", "")
    checkouts.write(checkouts.resource(checkout, "pos-order"), settings)

    assert checkouts.found(checkout, port=None)[:2] == [
        ("pos-order", "port", "none", "8080 (Spring Boot’s default)", POM),
        ("pos-order", "port", "none", "8081", COMPOSE),
    ]


def test_library_that_is_runnable_is_found(checkout: pathlib.Path) -> None:
    assert checkouts.found(checkout, library=True, port=None)[0] == ("pos-order", "jar", "library", "runnable jar", POM)


def test_registration_that_the_catalog_denies_is_found(checkout: pathlib.Path) -> None:
    found = checkouts.found(checkout, registers=False, eureka_id=None)

    assert ("pos-order", "registration", "does not register", "registers", POM) in found


@pytest.mark.parametrize(
    ("entry", "difference"),
    [
        pytest.param("", ("compose entry", "pos-order", "none", COMPOSE), id="no entry"),
        pytest.param('{ports: ["8093:8081"]}', ("published port", "8081", "8093", COMPOSE), id="published port"),
        pytest.param('{ports: ["8081:8080"]}', ("port", "8081", "8080", COMPOSE), id="container port"),
        pytest.param(
            '{healthcheck: {test: ["CMD-SHELL", "curl -f http://localhost:9007/actuator/health"]}}',
            ("port", "8081", "9007", f"{COMPOSE}, health check"),
            id="health check",
        ),
        pytest.param("{environment: {SERVER_PORT: 9007}}", ("port", "8081", "9007", COMPOSE), id="variable"),
        pytest.param("{environment: [SERVER_PORT=9007]}", ("port", "8081", "9007", COMPOSE), id="list of variables"),
        pytest.param(
            "{environment: {EUREKA_CLIENT_SERVICEURL_DEFAULTZONE: 'http://localhost:8761/eureka/'}}",
            ("Eureka address", "another container", "http://localhost:8761/eureka/, its own container", COMPOSE),
            id="Eureka in its own container",
        ),
    ],
)
def test_difference_in_the_compose_file_is_found(
    checkout: pathlib.Path, entry: str, difference: tuple[str, ...]
) -> None:
    line = f"  pos-order: {entry}\n" if entry else ""
    text = checkouts.COMPOSE.replace('  pos-order: {ports: ["8081:8081"]}\n', line)
    checkouts.write(checkout / COMPOSE, text)

    service, *others = checkouts.found(checkout)[0]

    assert (service, tuple(others)) == ("pos-order", difference)


def test_port_published_as_it_is_is_compared_once(checkout: pathlib.Path) -> None:
    checkouts.write(checkout / COMPOSE, checkouts.COMPOSE.replace("8081:8081", "9007:9007"))

    assert checkouts.found(checkout) == [("pos-order", "port", "8081", "9007", COMPOSE)]


def test_entry_is_found_by_the_folder_it_is_built_from(checkout: pathlib.Path) -> None:
    checkouts.write(checkout / COMPOSE, checkouts.COMPOSE.replace("8761:8761", "8761:8762"))

    assert checkouts.found(checkout) == [("pos-discovery", "port", "8761", "8762", COMPOSE)]


def test_single_module_as_the_root_is_a_usage_error(checkout: pathlib.Path) -> None:
    with pytest.raises(errors.UsageError, match="has no modules: it is a single module") as caught:
        drift.compare(checkouts.catalog_of(), checkout / "pos-order")

    assert caught.value.hint == f"Give the root of the checkout, such as {checkout}."
