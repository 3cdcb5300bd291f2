"""The programs beside the tests are imported by name."""

from __future__ import annotations
