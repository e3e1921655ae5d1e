"""The tenancy rule as a lint: SQL is born in repositories, and in a tenant's repository it is born scoped.

What it refuses:
- `select`, `insert`, `update`, `delete`, `text` of SQLAlchemy called outside of a repository, `db/`, or a
  migration;
- one of these called inside a class that derives from TenantRepository: `self.select(Model)` and its sisters
  stand there instead, which are filtered by the tenant already;
- a repository class that derives from neither TenantRepository nor SystemRepository;
- the same by another way: `sa.select(…)`, `Model.__table__.delete()`, `session.get(…)`, `session.query(…)`;
- a session of the role `system` opened with anything but a member of SystemSite.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STATEMENTS = frozenset({"select", "insert", "postgres_insert", "update", "delete", "text", "exists"})
_SQL_MODULES = ("sqlalchemy",)
# Where statements stand outside of a class: the primitives themselves.
_FREE = ("db/",)
_SESSIONS = frozenset({"session", "_session", "db"})
_BY_IDENTITY = frozenset({"get", "get_one", "query"})
# Two places pass on the member that their own caller named.
_PASSES_ON = frozenset({("db/claim_loop.py", "_site"), ("http/transactions.py", "site")})
_SYSTEM_CALLS = frozenset({"system", "system_session"})


@dataclass(frozen=True)
class Finding:
    path: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


def check(root: Path) -> list[Finding]:
    return [
        finding
        for path in sorted(root.rglob("*.py"))
        for finding in check_source(path.read_text(), path.relative_to(root).as_posix())
    ]


def check_source(source: str, path: str) -> list[Finding]:
    tree = ast.parse(source)
    return sorted([*_unscoped(tree, path), *_unlisted_sites(tree, path)], key=lambda finding: finding.line)


def _unscoped(tree: ast.Module, path: str) -> Iterator[Finding]:
    if path.startswith(_FREE):
        return
    names = _statement_names(tree)
    kinds = {node.name: _kind(node) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    modules = _sqlalchemy_modules(tree)
    for node, owner in _calls_with_class(tree):
        what = _statement(node, names, modules)
        if what is None:
            continue
        if owner is None:
            yield Finding(path, node.lineno, f"{what}() outside of a repository")
        elif _resolved(owner, kinds) == "tenant":
            yield Finding(path, node.lineno, f"{what}() is not scoped: use self.{what}() in {owner}")
        elif _resolved(owner, kinds) is None:
            yield Finding(path, node.lineno, f"{what}() in {owner}, which is no repository")


def _statement(node: ast.Call, names: set[str], modules: set[str]) -> str | None:
    """The name of the statement that a call makes, by whatever way it is reached."""
    function = node.func
    if isinstance(function, ast.Name):
        return function.id if function.id in names else None
    if not isinstance(function, ast.Attribute):
        return None
    root = function.value
    if isinstance(root, ast.Name) and root.id in modules and function.attr in STATEMENTS:
        return function.attr
    if isinstance(root, ast.Attribute) and root.attr == "__table__" and function.attr in STATEMENTS:
        return function.attr
    session = root.attr if isinstance(root, ast.Attribute) else getattr(root, "id", "")
    return function.attr if session in _SESSIONS and function.attr in _BY_IDENTITY else None


def _sqlalchemy_modules(tree: ast.Module) -> set[str]:
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name.startswith(_SQL_MODULES)
    }


def _statement_names(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_SQL_MODULES):
            names |= {alias.asname or alias.name for alias in node.names if alias.name in STATEMENTS}
    return names


def _kind(node: ast.ClassDef) -> str | None:
    """ "tenant", "system", the name of another class of the file, or None."""
    for base in node.bases:
        if isinstance(base, ast.Name):
            return {"TenantRepository": "tenant", "SystemRepository": "system"}.get(base.id, base.id)
    return None


def _resolved(name: str | None, kinds: dict[str, str | None]) -> str | None:
    seen: set[str] = set()
    while name is not None and name not in {"tenant", "system"}:
        if name in seen:
            return None
        seen.add(name)
        name = kinds.get(name)
    return name


def _calls_with_class(tree: ast.Module) -> Iterator[tuple[ast.Call, str | None]]:
    def walk(node: ast.AST, owner: str | None) -> Iterator[tuple[ast.Call, str | None]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                yield child, owner
            yield from walk(child, child.name if isinstance(child, ast.ClassDef) else owner)

    return walk(tree, None)


def _unlisted_sites(tree: ast.Module, path: str) -> Iterator[Finding]:
    if path == "db/engine.py":
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called_name(node) in _SYSTEM_CALLS:
            site = node.args[0] if node.args else None
            if not _is_listed(site, path):
                yield Finding(path, node.lineno, "a system session needs a member of SystemSite")


def _called_name(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _is_listed(site: ast.expr | None, path: str) -> bool:
    if isinstance(site, ast.Attribute) and isinstance(site.value, ast.Name):
        return site.value.id == "SystemSite" or (path, site.attr) in _PASSES_ON
    return isinstance(site, ast.Name) and (path, site.id) in _PASSES_ON


def used_sites(root: Path) -> set[str]:
    """The members of SystemSite that the code names."""
    return {
        node.attr
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "SystemSite"
    }
