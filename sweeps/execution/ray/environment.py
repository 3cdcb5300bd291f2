"""What Ray reads from the environment, and the resources of this machine.

Ray reads most of its settings while it is imported, so they must be set before that.
"""

from __future__ import annotations

import logging
import os
import sys

from sweeps.study import Resources

__all__ = ["available_cpus", "available_gpus", "keep_credentials_here", "set_ray_environment", "trial_device"]

logger = logging.getLogger(__name__)

_ENVIRONMENT = {
    # Ray asks for a token at every connection, so other users of this machine cannot reach the workers.
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # A study resumes from its own Parquet files, so Tune's snapshots would only cost time.
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_THRESHOLD_S": "10",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
}

_LOCAL_ENVIRONMENT = {
    # Ray then opens its ports on the loopback address only. On Linux it does so only without a cluster.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}


def set_ray_environment(*, local: bool) -> None:
    """Set Ray's settings that are not set yet. Call this before Ray is imported for the first time.

    If Ray was imported earlier, it has already read its authentication mode, which is then left unchanged.

    Args:
        local: Whether Ray runs on this machine only, and ends with this process.
    """
    alone = _LOCAL_ENVIRONMENT if local else {}
    for key, value in (_ENVIRONMENT | alone).items():
        if key == "RAY_AUTH_MODE" and "ray" in sys.modules:
            if key not in os.environ:
                logger.warning(
                    "Ray was imported before its settings were made, so its authentication mode is unchanged"
                )
            continue
        os.environ.setdefault(key, value)


def keep_credentials_here() -> None:
    """Prevent Tune from sending credentials of this process to its workers.

    Tune would put AWS_SECRET_ACCESS_KEY and similar variables into the runtime environment of every worker,
    which Ray writes into its logs on every node. Trials do not need them, because the driver reads the data
    and writes the results.
    """
    from ray.tune.execution import class_cache

    class_cache.ENV_VARS_TO_PROPAGATE = {
        name for name in class_cache.ENV_VARS_TO_PROPAGATE if not name.startswith("AWS_")
    }


def available_cpus() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def available_gpus() -> int:
    """Return the number of GPUs of this machine."""
    import torch

    return int(torch.cuda.device_count())


def trial_device(resources: Resources) -> str:
    """Return the device that trials with these resources run on, as torch names it."""
    return "cuda" if resources.gpus else "cpu"
