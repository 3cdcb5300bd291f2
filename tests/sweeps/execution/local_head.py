"""A Ray head for one test, on this machine only, that accepts jobs. It ends with its standard input.

python local_head.py DASHBOARD_PORT TEMP_DIR
"""

from __future__ import annotations

import sys

from sweeps.execution.ray.environment import set_ray_environment


def main() -> None:
    set_ray_environment(local=True)
    import ray

    port, folder = int(sys.argv[1]), sys.argv[2]
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=True,
        dashboard_host="127.0.0.1",
        dashboard_port=port,
        _temp_dir=folder,
        configure_logging=False,
        log_to_driver=False,
    )
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    ray.shutdown()


if __name__ == "__main__":
    main()
