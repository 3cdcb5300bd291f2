"""Starting Ray: what goes wrong is said in a line."""

from __future__ import annotations

import pytest
import ray

from softloc_core.errors import ConfigError
from sweeps.ray_session import ray_session


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        (
            None,
            Exception("The current node timed out.\nMore"),
            "Ray must start on this machine, but did not: The",
        ),
        (None, Exception(), "Ray must start on this machine, but did not: Exception"),
        (
            "10.0.0.1:6379",
            ConnectionError("no answer\nMore"),
            "--address must be a running Ray cluster, but got 10.0.0.1:6379: no answer$",
        ),
    ],
)
def test_a_ray_that_does_not_start_is_one_line(
    monkeypatch: pytest.MonkeyPatch, address: str | None, error: Exception, message: str
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(ray, "init", fail)
    session = ray_session(address=address, cpus=1, gpus=0, threads=1)
    with pytest.raises(ConfigError, match=message) as raised, session:
        pass
    assert "\n" not in str(raised.value)
