"""Settings that Ray reads from the environment, most of them while it is imported: set them before that."""

from __future__ import annotations

import logging
import os
import sys

__all__ = ["available_cpus", "keep_credentials_here", "set_ray_environment"]

logger = logging.getLogger(__name__)

_ENVIRONMENT = {
    # Ray asks for a token at every connection: other users of this machine must not reach the workers.
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # The study's own Parquet is what a study goes on from; Tune's snapshots would only cost time.
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_THRESHOLD_S": "10",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
}

_LOCAL_ENVIRONMENT = {
    # Ray opens its ports on the loopback address alone, which on Linux it does only when it is no cluster.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}


def set_ray_environment(*, local: bool) -> None:
    """Set what is not set yet; to be called before Ray is imported for the first time.

    Args:
        local: Whether Ray is to be this machine's alone, and end with us.

    A Ray that was imported earlier has read its authentication mode already; it is then left as it is.
    """
    alone = _LOCAL_ENVIRONMENT if local else {}
    for key, value in (_ENVIRONMENT | alone).items():
        if key == "RAY_AUTH_MODE" and "ray" in sys.modules:
            if key not in os.environ:
                logger.warning(
                    "Ray was imported before its settings were made: its own authentication mode stands"
                )
            continue
        os.environ.setdefault(key, value)


def keep_credentials_here() -> None:
    """Let Tune send no credentials of this process to its workers.

    Tune would put AWS_SECRET_ACCESS_KEY and its like into the runtime environment of every worker, which Ray
    writes into its logs on every node. Trials need none: the driver reads the data and writes the results.
    """
    from ray.tune.execution import class_cache

    class_cache.ENV_VARS_TO_PROPAGATE = {
        name for name in class_cache.ENV_VARS_TO_PROPAGATE if not name.startswith("AWS_")
    }


def available_cpus() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))
