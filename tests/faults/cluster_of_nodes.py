"""A Ray cluster of several nodes on this machine, controlled by lines on standard input.

`python cluster_of_nodes.py WORKERS` prints the address. The line `remove` removes a worker node, and `end`
stops the cluster.
"""

from __future__ import annotations

import sys

from sweeps.execution.ray.environment import set_ray_environment


def main() -> None:
    set_ray_environment(local=False)
    from ray.cluster_utils import Cluster

    # As in the cluster files, no trial runs on the head.
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    workers = [cluster.add_node(num_cpus=1) for _ in range(int(sys.argv[1]))]
    print(cluster.address, flush=True)  # noqa: T201
    for line in sys.stdin:
        if line.strip() == "remove":
            cluster.remove_node(workers.pop(), allow_graceful=False)
            print("removed", flush=True)  # noqa: T201
        else:
            break
    cluster.shutdown()


if __name__ == "__main__":
    main()
