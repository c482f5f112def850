"""Who may do what: bearer tokens, the accounts behind them, and their roles."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a role; an asterisk stands for everything."""

    verbs: tuple[str, ...]
    resources: tuple[str, ...]
    """A subresource stands by itself: `pods` does not include `pods/log`."""
    groups: tuple[str, ...] = ("",)

    def covers(self, verb: str, group: str, resource: str) -> bool:
        """Return whether this is what the rule speaks of."""
        return (
            not {verb, "*"}.isdisjoint(self.verbs)
            and not {group, "*"}.isdisjoint(self.groups)
            and not {resource, "*"}.isdisjoint(self.resources)
        )


READER = (
    Rule(verbs=("get", "list", "watch"), resources=("pods", "events", "configmaps")),
    Rule(verbs=("get",), resources=("pods/log",)),
    Rule(verbs=("get", "list", "watch"), resources=("deployments", "replicasets"), groups=("apps",)),
    Rule(verbs=("get", "list"), resources=("pods",), groups=("metrics.k8s.io",)),
)
"""The least that looking at services takes; Secrets are not in it."""
EVERYTHING = (Rule(verbs=("*",), resources=("*",), groups=("*",)),)


@dataclasses.dataclass(kw_only=True)
class Account:
    """One account; its rules hold in one namespace, or everywhere where none is named."""

    user: str
    namespace: str = ""
    rules: tuple[Rule, ...] = ()
    denials: list[Rule] = dataclasses.field(default_factory=list)
    """What was taken away again; RBAC itself only adds."""
    is_expired: bool = False

    def is_allowed(self, verb: str, group: str, resource: str, namespace: str) -> bool:
        """Return whether the account may do that."""
        if self.namespace not in ("", namespace):
            return False
        if any(rule.covers(verb, group, resource) for rule in self.denials):
            return False
        return any(rule.covers(verb, group, resource) for rule in self.rules)


ANONYMOUS = Account(user="system:anonymous")


class Accounts:
    """All accounts by token."""

    def __init__(self) -> None:
        self._by_token: dict[str, Account] = {}

    def add(self, token: str, account: Account) -> None:
        """Let *token* stand for the account from now on."""
        self._by_token[token] = account

    def of(self, token: str) -> Account | None:
        """Return the account behind a token; None where the token is unknown or has expired."""
        account = self._by_token.get(token)
        return None if account is None or account.is_expired else account

    def known(self, token: str) -> Account:
        """Return the account behind a token, expired or not."""
        return self._by_token[token]
