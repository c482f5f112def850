"""What drift claims of Maven and Spring Boot, compared with jars that Maven built and with one that runs."""

import asyncio
import contextlib
import pathlib
import zipfile
from collections.abc import Sequence

import httpx
import pytest

from bot.config import backend, maven
from tests.real.spring import processes, toolchain

pytestmark = [pytest.mark.real, pytest.mark.anyio, pytest.mark.timeout(600)]
BOOT, CLOUD = "org.springframework.boot", "org.springframework.cloud"
PLUGIN = (
    "<plugin><groupId>org.springframework.boot</groupId><artifactId>spring-boot-maven-plugin</artifactId>{}</plugin>"
)
REPACKAGED = f"<build><plugins>{PLUGIN.format('')}</plugins></build>"
SKIPPED = f"<build><plugins>{PLUGIN.format('<configuration><skip>true</skip></configuration>')}</plugins></build>"
MANAGED = f"<build><pluginManagement><plugins>{PLUGIN.format('')}</plugins></pluginManagement></build>"
SERVERS = ("tomcat-embed-core", "reactor-netty-http", "jetty-server", "undertow-core")
WITHOUT_TOMCAT = (
    "<exclusions><exclusion><groupId>*</groupId><artifactId>spring-boot-starter-tomcat</artifactId></exclusion>"
    "</exclusions>"
)


def dependency(artifact: str, more: str = "", group: str = BOOT) -> str:
    return f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>{more}</dependency>"


WEB = dependency("spring-boot-starter-web")
COMMON = dependency("pos-common", "<version>1</version>", "posbot")
MODULES = {
    "pos-common": (WEB, ""),
    "pos-web": (WEB + dependency("spring-boot-starter-actuator"), REPACKAGED),
    "pos-reactive": (dependency("spring-boot-starter-webflux"), REPACKAGED),
    "pos-plain": (dependency("spring-boot-starter"), REPACKAGED),
    "pos-excluded": (dependency("spring-boot-starter-web", WITHOUT_TOMCAT), REPACKAGED),
    "pos-inherits": (COMMON, REPACKAGED),
    "pos-inherits-nothing": (dependency("pos-common", f"<version>1</version>{WITHOUT_TOMCAT}", "posbot"), REPACKAGED),
    "pos-provided": (WEB + dependency("spring-boot-starter-tomcat", "<scope>provided</scope>"), REPACKAGED),
    "pos-tests": (dependency("spring-boot-starter-web", "<scope>test</scope>"), REPACKAGED),
    "pos-skipped": (WEB, SKIPPED),
    "pos-managed": (WEB, MANAGED),
    **{
        f"pos-{name}": (dependency(f"spring-boot-starter-{name}"), REPACKAGED)
        for name in (
            "jetty",
            "undertow",
            "jersey",
            "oauth2-authorization-server",
        )
    },
    **{
        f"pos-{name}": (dependency(f"spring-cloud-{name}", group=CLOUD), REPACKAGED)
        for name in ("config-server", "starter-gateway", "starter-gateway-mvc", "starter-gateway-server-webmvc")
    },
    "pos-springdoc": (
        dependency("springdoc-openapi-starter-webmvc-ui", "<version>2.8.9</version>", "org.springdoc"),
        REPACKAGED,
    ),
    "pos-gateway": (dependency("spring-cloud-starter-gateway-server-webflux", group=CLOUD), REPACKAGED),
    "pos-registry": (dependency("spring-cloud-starter-netflix-eureka-server", group=CLOUD), REPACKAGED),
    "pos-client": (dependency("spring-cloud-starter-netflix-eureka-client", group=CLOUD), REPACKAGED),
}
APPLICATION = """package posbot.{package};

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;

@SpringBootApplication
public class Application {{
    public static void main(String[] arguments) {{
        SpringApplication.run(Application.class, arguments);
    }}
}}
"""
PLAIN_APPLICATION = """package posbot.{package};

public class Application {{
    public static void main(String[] arguments) {{}}
}}
"""


def write(path: pathlib.Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture(scope="module")
def port() -> int:
    return processes.free_port()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, port: int) -> pathlib.Path:
    """Return a checkout with one module for each of `MODULES`, built."""
    folder = tmp_path_factory.mktemp("checkout")
    listed = "".join(f"<module>{name}</module>" for name in MODULES)
    cloud = "<version>2025.0.0</version><type>pom</type><scope>import</scope>"
    write(
        folder / "pom.xml",
        f'<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><parent>'
        f"<groupId>{BOOT}</groupId><artifactId>spring-boot-starter-parent</artifactId><version>3.5.16</version>"
        "<relativePath/></parent><groupId>posbot</groupId><artifactId>positivity</artifactId><version>1</version>"
        f"<packaging>pom</packaging><modules>{listed}</modules><dependencyManagement><dependencies>"
        f"{dependency('spring-cloud-dependencies', cloud, CLOUD)}</dependencies></dependencyManagement></project>",
    )
    for name, (dependencies, more) in MODULES.items():
        write(
            folder / name / "pom.xml",
            f'<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><parent>'
            "<groupId>posbot</groupId><artifactId>positivity</artifactId><version>1</version></parent>"
            f"<artifactId>{name}</artifactId><dependencies>{dependencies}</dependencies>{more}</project>",
        )
        package = name.removeprefix("pos-").replace("-", "")
        template = APPLICATION if name == "pos-web" else PLAIN_APPLICATION
        source = folder / name / "src/main/java/posbot" / package / "Application.java"
        write(source, template.format(package=package))
    configure(folder / "pos-web" / "src/main/resources", port)
    toolchain.package(folder)
    return folder


def configure(resources: pathlib.Path, port: int) -> None:
    """Write settings in which each place that wins has the true value, and each other place another one."""
    write(
        resources / "application.yml",
        "server: {port: 1}\nspring.application.name: of-yaml\nversion: '@project.artifactId@'\n"
        "management.endpoints.web: {base-path: /of-first, exposure.include: '*'}\n---\n"
        "management.endpoints.web.base-path: /manage\n---\n"
        "spring.config.activate.on-profile: prod\nmanagement.endpoints.web.base-path: /of-profile\n",
    )
    write(
        resources / "application.properties",
        f"pos.port={port}\nserver.port=${{SERVER_PORT:${{pos.port}}}}\nspring.application.name=of-properties\n"
        "server.servlet.contextPath=/of-root\n#---\nspring.config.activate.on-profile=prod\nserver.port=2\n",
    )
    write(resources / "config" / "application.yml", "server.servlet.context-path: /orders\n")
    write(resources / "application-default.properties", "spring.application.name=@project.artifactId@-service\n")
    write(resources / "application-prod.properties", "server.port=3\n")


@pytest.mark.parametrize("name", MODULES)
def test_runnable_jars_and_web_servers_are_those_of_maven(checkout: pathlib.Path, name: str) -> None:
    module = maven.Reactor(checkout).find(name)

    [jar] = (checkout / name / "target").glob("*.jar")
    with zipfile.ZipFile(jar) as archive:
        files = archive.namelist()
    is_runnable = "BOOT-INF/classes/" in files
    assert module.is_runnable is is_runnable
    if is_runnable:
        libraries = [file.removeprefix("BOOT-INF/lib/") for file in files]
        assert module.has_web_server is any(library.startswith(SERVERS) for library in libraries)


class Web(processes.Server):
    """The module pos-web; ready once its health endpoint responds where drift expects it."""

    def __init__(self, jar: pathlib.Path, health_url: str, *, folder: pathlib.Path) -> None:
        super().__init__("pos-web", folder=folder)
        self._jar = jar
        self._health_url = health_url

    def _command(self) -> Sequence[str]:
        java = str(toolchain.find_jdk() / "bin" / "java")
        return [java, *toolchain.QUICK_START, "-jar", str(self._jar)]

    async def _is_ready(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
                return (await client.get(self._health_url)).status_code == httpx.codes.OK
        return False


async def test_settings_are_those_that_spring_boot_uses(
    checkout: pathlib.Path, tmp_path: pathlib.Path, port: int
) -> None:
    module = (await asyncio.to_thread(backend.Backend, checkout)).modules["pos-web"]
    health_path, name = module.health_path, module.settings.get_text("spring.application.name", "")

    assert (module.port.text, health_path, name) == (str(port), "/orders/manage/health", "pos-web-service")
    [jar] = (checkout / "pos-web" / "target").glob("*.jar")
    url = f"http://127.0.0.1:{port}{health_path}"
    async with Web(jar, url, folder=tmp_path):
        log = (tmp_path / "pos-web.log").read_text()

    # Logged with each entry.
    assert "[pos-web-service]" in log
