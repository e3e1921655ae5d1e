"""The tenancy lint finds what it is there to find."""

from pathlib import Path

import pytest

import control_plane
from control_plane.db.engine import SystemSite
from tests.lint import tenancy

ROOT = Path(control_plane.__file__).parent
IMPORTS = """
from sqlalchemy import select, delete, update
from control_plane.db.tenancy import SystemRepository, TenantRepository
"""
POSTGRES_INSERT = "from sqlalchemy.dialects.postgresql import insert as postgres_insert\n"


def test_the_control_plane_is_clean():
    assert tenancy.check(ROOT) == []


def test_every_listed_site_is_used_and_every_used_site_is_listed():
    assert tenancy.used_sites(ROOT) == {site.name for site in SystemSite}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("class R(TenantRepository):\n def f(self):\n  return select(User)", "not scoped"),
        ("class R(TenantRepository):\n def f(self):\n  return [delete(User) for _ in x]", "not scoped"),
        ("class B(TenantRepository): pass\nclass R(B):\n def f(self):\n  return update(User)", "not scoped"),
        ("def f():\n return select(User)", "outside of a repository"),
        *[
            (f"from sqlalchemy import {name}\ndef f():\n return {name}('x')", "outside of a repository")
            for name in ("insert", "text", "exists")
        ],
        (f"{POSTGRES_INSERT}def f():\n return postgres_insert(User)", "outside of a repository"),
        ("class Service:\n def f(self):\n  return select(User)", "no repository"),
        ("import sqlalchemy as sa\ndef f():\n return sa.select(User)", "outside of a repository"),
        ("def f():\n return User.__table__.delete()", "outside of a repository"),
        ("def f(session):\n return session.get(User, 1)", "outside of a repository"),
        ("class R(TenantRepository):\n def f(self):\n  return self.session.get(User, 1)", "not scoped"),
        ("class R(TenantRepository):\n def f(self):\n  return self.session.query(User)", "not scoped"),
        ("def f(database, site):\n return database.system(site)", "SystemSite"),
        ("def f(database):\n return database.system('anything')", "SystemSite"),
        ("def f(database):\n return database.system_session(choose())", "SystemSite"),
        ("from sqlalchemy import select as pick\ndef f():\n return pick(User)", "outside of a repository"),
    ],
)
def test_an_unscoped_statement_is_found(code: str, reason: str):
    findings = tenancy.check_source(IMPORTS + code, "accounts/service.py")
    assert len(findings) == 1
    assert reason in findings[0].reason


@pytest.mark.parametrize(
    "code",
    [
        "class R(TenantRepository):\n def f(self):\n  return self.select(User)",
        "class R(SystemRepository):\n def f(self):\n  return select(User)",
        "def f(database):\n return database.system(SystemSite.ADMIN)",
    ],
)
def test_a_scoped_statement_passes(code: str):
    assert tenancy.check_source(IMPORTS + code, "accounts/repository.py") == []
