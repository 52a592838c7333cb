"""The forty things that happen to a sync, walked the real way; every test has its `case_NN` in its name."""

from tests.platform.sync.conftest import shop

__all__ = ["shop"]
