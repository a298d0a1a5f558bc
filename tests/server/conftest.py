"""What holds for every test of the server."""

import pytest
from argon2 import PasswordHasher

from server.access import secrets


@pytest.fixture(autouse=True, scope="session")
def _passwords_are_hashed_cheaply():
    """Hundreds of tests sign in; what a hash costs in truth is looked at in `test_operators.py`."""
    patched = pytest.MonkeyPatch()
    patched.setattr(secrets, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    yield
    patched.undo()
