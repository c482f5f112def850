"""A checkout of a small backend: a gateway, a registry and one service, with which CATALOG agrees."""

import pathlib
from collections.abc import Sequence

from bot.config import catalog, drift
from tests import builders

BOOT, CLOUD = "org.springframework.boot", "org.springframework.cloud"
REPACKAGE = (
    "<build><plugins><plugin><artifactId>spring-boot-maven-plugin</artifactId>"
    "<executions><execution><goals><goal>repackage</goal></goals></execution></executions></plugin></plugins></build>"
)
ACTUATOR = ("spring-boot-starter-actuator", "micrometer-registry-prometheus")
WEB = ("spring-boot-starter-web", *ACTUATOR)
EUREKA = "spring-cloud-starter-netflix-eureka-client"
SETTINGS = """server.port=8081
spring.application.name=ORDER-SERVICE
management.endpoints.web.exposure.include=health,info,prometheus
"""
ROUTES = """spring:
  application: {name: pos-gateway}
  cloud:
    gateway:
      routes:
        - id: order_route
          uri: lb://ORDER-SERVICE
          predicates: [Path=/order/**]
          filters: [StripPrefix=1]
management.endpoints.web.exposure.include: "health,prometheus"
"""
COMPOSE = """services:
  pos-order: {ports: ["8081:8081"]}
  pos-gateway: {ports: ["8080:8080"]}
  eureka-server:
    build: {context: ./pos-discovery}
    ports: ["8761:8761"]
"""
ORDER = {"port": 8081, "eureka_id": "ORDER-SERVICE", "gateway_path": "/order"}


def write(path: pathlib.Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def pom(artifact: str, dependencies: Sequence[str] = WEB, *, more: str = REPACKAGE, parent: str = "positivity") -> str:
    """Return a POM with these dependencies, each an artifact or the XML of a whole dependency."""
    listed = "".join(one if one.startswith("<") else dependency(one) for one in dependencies)
    above = f"<parent><groupId>com.positivity</groupId><artifactId>{parent}</artifactId><version>1</version></parent>"
    return (
        f'<project xmlns="http://maven.apache.org/POM/4.0.0">{above}<artifactId>{artifact}</artifactId>'
        f"<dependencies>{listed}</dependencies>{more}</project>"
    )


def dependency(artifact: str, more: str = "", group: str = BOOT) -> str:
    return f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>{more}</dependency>"


def root(modules: Sequence[str] = ("pos-order", "pos-gateway", "pos-discovery"), more: str = "") -> str:
    listed = "".join(f"<module>{module}</module>" for module in modules)
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><groupId>com.positivity</groupId>'
        f"<artifactId>positivity</artifactId><packaging>pom</packaging><modules>{listed}</modules>{more}</project>"
    )


def resource(folder: pathlib.Path, module: str, name: str = "application.properties") -> pathlib.Path:
    return folder / module / "src" / "main" / "resources" / name


def create(folder: pathlib.Path) -> None:
    """Write the checkout to *folder*."""
    write(folder / "pom.xml", root())
    write(folder / "pos-order" / "pom.xml", pom("pos-order", (*WEB, EUREKA)))
    write(resource(folder, "pos-order"), SETTINGS)
    gateway = ("spring-cloud-starter-gateway", *ACTUATOR, EUREKA)
    write(folder / "pos-gateway" / "pom.xml", pom("pos-gateway", gateway))
    write(resource(folder, "pos-gateway", "application.yml"), ROUTES)
    registry = ("spring-cloud-starter-netflix-eureka-server", *ACTUATOR)
    write(folder / "pos-discovery" / "pom.xml", pom("pos-discovery", registry))
    exposed = "management.endpoints.web.exposure.include=*\n"
    write(resource(folder, "pos-discovery"), f"server.port=8761\neureka.client.register-with-eureka=false\n{exposed}")
    write(folder / "docker-compose.yml", COMPOSE)


def catalog_of(**order: object) -> catalog.Catalog:
    """Return the catalog that agrees with the checkout, except for changes of pos-order."""
    return builders.a_catalogue(
        builders.a_service("pos-order", **ORDER | order),
        builders.a_service("pos-gateway"),
        builders.a_service("pos-discovery", port=8761, registers=False),
    )


def found(folder: pathlib.Path, **order: object) -> list[tuple[str, str, str, str, str]]:
    """Return the differences between the checkout in *folder* and the catalog, with changes of pos-order."""
    return [
        (one.service, one.about, one.catalogue, one.backend, one.where)
        for one in drift.compare(catalog_of(**order), folder)
    ]
