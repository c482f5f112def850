"""
Modules of a Maven checkout: what is on their class path, and whether the build makes a runnable jar of them.

Only POMs of the checkout are read, parents included. What an artifact from elsewhere brings along is known for the
starters of Spring below; another starter leaves open whether there is a web server, instead of denying it.
"""

import collections
import dataclasses
import pathlib
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree

from bot import errors

_MAX_POM_BYTES = 2_000_000
_MAX_PARENTS = 10
_MAX_NAME_LENGTH = 60
_BOOT_PLUGIN = "spring-boot-maven-plugin"
_BOOT_PARENT = "spring-boot-starter-parent"
# Other plugins that can make a jar with a main class.
_OTHER_PACKAGERS = frozenset({"maven-shade-plugin", "maven-assembly-plugin", "quarkus-maven-plugin"})
_TOMCAT, _NETTY = "spring-boot-starter-tomcat", "spring-boot-starter-reactor-netty"
# Artifact → the server that it brings, as the POMs of Spring Boot 3 and 4 and Spring Cloud 2023 to 2025 have it.
_SERVERS = {
    **dict.fromkeys(("spring-boot-starter-tomcat", "spring-boot-starter-jetty", "spring-boot-starter-undertow"), ""),
    **dict.fromkeys(("spring-boot-starter-reactor-netty", "tomcat-embed-core", "jetty-server", "undertow-core"), ""),
    **dict.fromkeys(("spring-boot-starter-tomcat-runtime", "spring-boot-starter-jetty-runtime"), ""),
    "spring-boot-starter-web": _TOMCAT,
    "spring-boot-starter-webmvc": _TOMCAT,
    "spring-boot-starter-webflux": _NETTY,
    "spring-boot-starter-data-rest": _TOMCAT,
    "spring-boot-starter-hateoas": _TOMCAT,
    "spring-boot-starter-jersey": _TOMCAT,
    "spring-boot-starter-web-services": _TOMCAT,
    "spring-boot-starter-webservices": _TOMCAT,
    "spring-boot-starter-oauth2-authorization-server": _TOMCAT,
    "spring-cloud-starter-netflix-eureka-server": _TOMCAT,
    "spring-cloud-config-server": _TOMCAT,
    "spring-cloud-starter-gateway": _NETTY,
    "spring-cloud-starter-gateway-server-webflux": _NETTY,
    "spring-cloud-starter-gateway-mvc": _TOMCAT,
    "spring-cloud-starter-gateway-server-webmvc": _TOMCAT,
    "spring-ai-starter-mcp-server-webmvc": _TOMCAT,
    "spring-ai-starter-mcp-server-webflux": _NETTY,
}
_MANAGED = "dependencyManagement/dependencies/dependency"
_PACKAGED_SCOPES = frozenset({"compile", "runtime", "provided"})
_INHERITED_SCOPES = frozenset({"compile", "runtime"})
_PLAIN_GROUPS = ("org.springframework", "org.springdoc", "io.micrometer")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """One artifact on a class path."""

    group: str
    artifact: str
    scope: str = "compile"
    is_optional: bool = False
    exclusions: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One module of the reactor that is no aggregator."""

    name: str
    """Name of its folder."""
    path: str
    """Folder, relative to the checkout."""
    artifact: str
    version: str
    dependencies: tuple[Dependency, ...]
    is_runnable: bool | None
    """The build makes a runnable jar; None where it cannot be told."""
    has_web_server: bool | None
    """None where an artifact from elsewhere may bring one."""

    def has(self, *artifacts: str) -> bool:
        """Return whether one of *artifacts* is packaged with it."""
        return any(dependency.artifact in artifacts for dependency in self.dependencies)


class Reactor:
    """The modules of the checkout at *root*, by name."""

    def __init__(self, root: pathlib.Path) -> None:
        """
        Read the POMs that list modules.

        Raises:
            errors.BadConfiguration: a POM is not XML.
        """
        self._root = root
        self._poms: dict[pathlib.Path, ElementTree.Element] = {}
        self._resolved_root = root.resolve()
        self._listed = {self._resolved_root}
        self._folders = dict(self._leaves(root, 0))
        self._by_artifact = {
            _text(pom, "artifactId"): folder
            for folder in self._folders.values()
            if (pom := self._pom(folder)) is not None
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all modules that the POMs list, in their order."""
        return tuple(self._folders)

    def has_folder(self, name: str) -> bool:
        """Return whether the module called *name* is in the checkout."""
        return self._folders[name].is_dir()

    def find(self, name: str) -> Module:
        """Return the module called *name*; one without a POM has no dependencies, and nothing can be told of it."""
        folder = self._folders[name]
        chain = list(self._chain(folder)) or [ElementTree.Element("project")]
        dependencies, has_pom = tuple(self._packaged(chain)), self._pom(folder) is not None
        return Module(
            name=name,
            path=folder.resolve().relative_to(self._resolved_root).as_posix(),
            artifact=_text(chain[0], "artifactId"),
            version=_text(chain[0], "version") or _text(chain[0], "parent/version"),
            dependencies=dependencies,
            is_runnable=_is_runnable(chain) if has_pom else None,
            has_web_server=self._has_web_server(chain, dependencies) if has_pom else None,
        )

    def _leaves(self, folder: pathlib.Path, depth: int) -> Iterator[tuple[str, pathlib.Path]]:
        pom = self._pom(folder)
        listed = [one.text.strip() for one in pom.iter("module") if one.text] if pom is not None else []
        if depth and (not listed or depth > _MAX_PARENTS):
            yield folder.name, folder
            return
        for name in dict.fromkeys(listed):
            inner = self._inside(folder, name)
            if inner not in self._listed:
                self._listed.add(inner)
                yield from self._leaves(inner, depth + 1)

    def _inside(self, folder: pathlib.Path, name: str) -> pathlib.Path:
        """Return the folder of the module that the POM in *folder* calls *name*, which may be that of its POM."""
        try:
            inner = (folder / name).resolve()
            inner = inner.parent if inner.is_file() and inner.suffix == ".xml" else inner
        except (OSError, ValueError) as error:
            raise errors.BadConfiguration(f"{folder}/pom.xml: “{name[:_MAX_NAME_LENGTH]}” is no module.") from error
        if not inner.is_relative_to(self._resolved_root):
            raise errors.BadConfiguration(
                f"{folder}/pom.xml: the module “{name[:_MAX_NAME_LENGTH]}” is outside of the checkout {self._root}."
            )
        return inner

    def _pom(self, folder: pathlib.Path) -> ElementTree.Element | None:
        path = folder / "pom.xml"
        if path not in self._poms:
            if not path.is_file():
                return None
            self._poms[path] = _parse(path)
        return self._poms[path]

    def _chain(self, folder: pathlib.Path) -> Iterator[ElementTree.Element]:
        """Yield the POM in *folder* and its parents within the checkout, the nearest first."""
        for _ in range(_MAX_PARENTS):
            pom = self._pom(folder)
            if pom is None:
                return
            yield pom
            relative = pom.find("parent/relativePath")
            path = "../pom.xml" if relative is None else (relative.text or "").strip()
            parent = (folder / path).resolve() if path and pom.find("parent") is not None else None
            if parent is None or not parent.is_relative_to(self._resolved_root):
                return
            folder = parent.parent if parent.suffix == ".xml" else parent
            above = self._pom(folder)
            if above is None or _text(above, "artifactId") != _text(pom, "parent/artifactId"):
                return

    def _packaged(self, chain: list[ElementTree.Element]) -> Iterator[Dependency]:
        """Yield what is packaged with a module: its dependencies, and those of the checkout's modules among them."""
        own = _merge(chain).values()
        waiting = collections.deque((one, one.exclusions) for one in own if one.scope in _PACKAGED_SCOPES)
        seen = {one.artifact for one in own}
        while waiting:
            dependency, exclusions = waiting.popleft()
            yield dependency
            folder = self._by_artifact.get(dependency.artifact)
            for further in _merge(list(self._chain(folder))).values() if folder is not None else ():
                is_inherited = further.scope in _INHERITED_SCOPES and not further.is_optional
                is_new = further.artifact not in seen and further.artifact not in exclusions
                if is_inherited and is_new and "*" not in exclusions:
                    seen.add(further.artifact)
                    excluded = exclusions | further.exclusions
                    waiting.append((dataclasses.replace(further, exclusions=excluded), excluded))

    def _has_web_server(self, chain: list[ElementTree.Element], packaged: tuple[Dependency, ...]) -> bool | None:
        for dependency in packaged:
            server = _SERVERS.get(dependency.artifact)
            if server is not None and not dependency.exclusions & {server or "-", "*"}:
                return True
        own_groups = {_text(pom, "groupId") or _text(pom, "parent/groupId") for pom in chain}
        foreign = [one for one in packaged if one.artifact not in self._by_artifact]
        may_bring_one = any(
            one.group in own_groups or ("starter" in one.artifact and not one.group.startswith(_PLAIN_GROUPS))
            for one in foreign
        )
        return None if may_bring_one else False


def _parse(path: pathlib.Path) -> ElementTree.Element:
    """Return the root of the POM at *path*, its names without the namespace, which not every POM has."""
    try:
        if path.stat().st_size > _MAX_POM_BYTES:
            raise errors.BadConfiguration(f"{path}: larger than {_MAX_POM_BYTES:,} bytes.")
        # A checkout of one's own; and expat has refused runaway entities since 2.4.1.
        root = ElementTree.parse(path).getroot()  # noqa: S314
    except ElementTree.ParseError as error:
        raise errors.BadConfiguration(f"{path}: invalid XML: {error}.") from error
    except (OSError, ValueError, LookupError) as error:
        # Of an encoding that Python does not know, for example.
        raise errors.BadConfiguration(f"{path}: the file cannot be read ({error}).") from error
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    return root


def _text(element: ElementTree.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _merge(chain: list[ElementTree.Element]) -> Mapping[str, Dependency]:
    """Return the dependencies of the POMs in *chain* by artifact; those of a child replace those of its parents."""
    merged: dict[str, Dependency] = {}
    managed = {_text(one, "artifactId"): one for pom in reversed(chain) for one in pom.iterfind(_MANAGED)}
    for pom in reversed(chain):
        for one in pom.iterfind("dependencies/dependency"):
            artifact = _text(one, "artifactId")
            above = managed.get(artifact, one)
            merged[artifact] = Dependency(
                group=_text(one, "groupId"),
                artifact=artifact,
                scope=_text(one, "scope") or _text(above, "scope") or "compile",
                is_optional=_text(one, "optional") == "true",
                exclusions=frozenset(
                    _text(exclusion, "artifactId")
                    for source in (one, above)
                    for exclusion in source.iterfind("exclusions/exclusion")
                ),
            )
    return merged


def _is_runnable(chain: list[ElementTree.Element]) -> bool | None:
    """Return whether spring-boot-maven-plugin repackages the module; its own POM and its parents may say so."""
    if _text(chain[0], "packaging") == "pom":
        return False
    used = [one for pom in chain for one in pom.iterfind("build/plugins/plugin")]
    if not any(_text(one, "artifactId") == _BOOT_PLUGIN for one in used):
        return None if any(_text(one, "artifactId") in _OTHER_PACKAGERS for one in used) else False
    managed = [one for pom in chain for one in pom.iterfind("build/pluginManagement/plugins/plugin")]
    declared = [one for one in (*used, *managed) if _text(one, "artifactId") == _BOOT_PLUGIN]
    skips = [_text(skip, ".") for one in declared for skip in one.iter("skip") if _text(skip, ".")]
    if skips and skips[0] not in {"true", "false"}:
        return None
    goals = {_text(goal, ".") for one in declared for goal in one.iterfind("executions/execution/goals/goal")}
    # Spring's parent binds the goal wherever the plugin is used.
    is_bound = "repackage" in goals or _text(chain[-1], "parent/artifactId") == _BOOT_PARENT
    return is_bound and skips[:1] != ["true"]
