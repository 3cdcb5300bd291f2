"""Simulated workers: Ray Tune's own controller with actors that live in the driver's process.

This module replaces the actor manager of Tune's controller (Ray 2.60). Everything on the driver's side is
real: Tune's queue and callbacks, the study's source, recorder, store and MLflow. A worker's step runs in the
driver's process and its time is counted separately. The step ends at a virtual time, so 64 busy nodes need
one core and no waiting.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

START_S = 5.0


class SimulatedActors:
    """A replacement for `ray.air.execution._internal.actor_manager.RayActorManager`.

    Attributes:
        workers: Largest number of workers at a time.
        trial_s: Duration of a trial in virtual seconds.
        steps: Number of trials that workers have finished.
        worker_s: Processor time of the workers' code, which does not burden the driver on a cluster.
        now_s: The virtual time in seconds.
    """

    workers = 64
    trial_s = 20.0
    steps = 0
    worker_s = 0.0
    now_s = 0.0

    def __init__(self, resource_manager: Any) -> None:
        self._resource_manager = resource_manager
        self._numbers = itertools.count()
        self._events: list[tuple[float, int, Any, Callable[[], None]]] = []
        self._waiting: list[tuple[Any, Any, dict[str, Any]]] = []
        self._cancelled: set[int] = set()
        self._tasks: dict[Any, set[int]] = {}
        # Tune's controller reads this attribute by name.
        self._live_actors_to_ray_actors_resources: dict[Any, tuple[Any, Any]] = {}

    def add_actor(self, cls: Any, kwargs: dict[str, Any], resource_request: Any, **callbacks: Any) -> Any:
        """Return a worker that starts as soon as there is room."""
        from ray.air.execution._internal.tracked_actor import TrackedActor

        tracked = TrackedActor(next(self._numbers), **callbacks)
        self._waiting.append((tracked, cls, kwargs))
        return tracked

    def remove_actor(self, tracked_actor: Any, kill: bool = False, stop_future: Any = None) -> bool:
        """End a worker; return True if its end will be reported."""
        if tracked_actor in self._live_actors_to_ray_actors_resources:
            self._at(0.0, tracked_actor, lambda: self._stopped(tracked_actor))
            return True
        self._waiting = [item for item in self._waiting if item[0] != tracked_actor]
        return False

    def schedule_actor_task(
        self,
        tracked_actor: Any,
        method_name: str,
        args: Any = None,
        kwargs: Any = None,
        on_result: Any = None,
        on_error: Any = None,
        _return_future: bool = False,
    ) -> None:
        """Run a method of a worker; a training step ends after a trial's duration, anything else at once."""

        def run() -> None:
            live = self._live_actors_to_ray_actors_resources.get(tracked_actor)
            if live is None:
                return
            started = time.thread_time()
            result = getattr(live[0].trainable, method_name)(*(args or ()), **(kwargs or {}))
            type(self).worker_s += time.thread_time() - started
            type(self).steps += method_name == "train"
            if on_result is not None:
                on_result(tracked_actor, result)

        number = self._at(self.trial_s if method_name == "train" else 0.0, tracked_actor, run)
        self._tasks.setdefault(tracked_actor, set()).add(number)

    def next(self, timeout: float | None = None) -> bool:
        """Start the workers for which there is room, then process the next event."""
        while self._waiting and self.num_live_actors < self.workers:
            self._start(*self._waiting.pop(0))
        while self._events:
            at_s, number, tracked, event = heapq.heappop(self._events)
            self._tasks.get(tracked, set()).discard(number)
            if number in self._cancelled:
                self._cancelled.discard(number)
                continue
            type(self).now_s = max(self.now_s, at_s)
            event()
            return True
        return False

    def clear_actor_task_futures(self, tracked_actor: Any) -> None:
        """Cancel the events scheduled for a worker."""
        self._cancelled |= self._tasks.pop(tracked_actor, set())

    def is_actor_started(self, tracked_actor: Any) -> bool:
        return tracked_actor in self._live_actors_to_ray_actors_resources

    def is_actor_failed(self, tracked_actor: Any) -> bool:
        return False

    def get_live_actors_resources(self) -> dict[str, float]:
        return {"CPU": float(self.num_live_actors)}

    @property
    def num_live_actors(self) -> int:
        return len(self._live_actors_to_ray_actors_resources)

    @property
    def num_pending_actors(self) -> int:
        return len(self._waiting)

    @property
    def num_total_actors(self) -> int:
        return self.num_live_actors + self.num_pending_actors

    @property
    def num_actor_tasks(self) -> int:
        return sum(map(len, self._tasks.values()))

    def cleanup(self) -> None:
        self._events.clear()
        self._waiting.clear()
        self._live_actors_to_ray_actors_resources.clear()

    def _at(self, delay_s: float, tracked: Any, event: Callable[[], None]) -> int:
        """Schedule a call."""
        number = next(self._numbers)
        heapq.heappush(self._events, (self.now_s + delay_s, number, tracked, event))
        return number

    def _start(self, tracked: Any, cls: Any, kwargs: dict[str, Any]) -> None:
        """Start a worker's process."""
        started = time.thread_time()
        trainable = cls.__ray_metadata__.modified_class(**kwargs)
        type(self).worker_s += time.thread_time() - started
        metrics = SimpleNamespace(remote=lambda **_: {})
        actor = SimpleNamespace(trainable=trainable, get_auto_filled_metrics=metrics)
        self._live_actors_to_ray_actors_resources[tracked] = (actor, None)
        self._at(START_S, tracked, lambda: tracked._on_start and tracked._on_start(tracked))

    def _stopped(self, tracked: Any) -> None:
        """Report that a worker has ended."""
        if self._live_actors_to_ray_actors_resources.pop(tracked, None) is not None and tracked._on_stop:
            tracked._on_stop(tracked)


def simulate_actors() -> None:
    """Run every study of this process on simulated workers."""
    import ray.tune.execution.tune_controller as controller

    controller.RayActorManager = SimulatedActors
