"""Jobs of a ray cluster."""

import logging
from collections.abc import Iterator, Sequence

from omegaconf import DictConfig

from kgrec.errors import InputError
from kgrec.launchers.base import JobEnd, Launcher, died, run_job


class Ray(Launcher):
    """Runs jobs as ray tasks, on this machine or on a cluster.

    Run folders, caches and data must lie where all machines see them.

    Args:
        address: of a running cluster, ``auto`` = the one this machine belongs to; ``None`` = one of this
            machine's own, which ends with the multirun.
        cpus: cores of a job, ≥ 1; as many jobs run at once as there are cores for.
        gpus: of a job; a part of one may be asked for.

    Raises:
        InputError: less than one core.
    """

    def __init__(self, address: str | None, cpus: int, gpus: float) -> None:
        if cpus < 1:
            raise InputError(f"launcher.cpus: found {cpus}, expected at least 1")
        self.address = address
        self.cpus = cpus
        self.gpus = gpus

    def launch(self, jobs: Sequence[DictConfig]) -> Iterator[JobEnd]:
        """As they end.

        Raises:
            InputError: ray is not installed, or there is no cluster at the address.
        """
        try:
            import ray
        except ImportError as error:
            raise InputError("launcher=ray needs ray: pip install 'kgrec[launchers]'") from error
        try:
            ray.init(
                address=self.address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=False if self.address is None else None,
            )
        except (ConnectionError, ValueError) as error:
            raise InputError(
                f"launcher.address: no ray cluster at {self.address!r}: {' '.join(str(error).split())}"
            ) from error
        try:
            task = ray.remote(num_cpus=self.cpus, num_gpus=self.gpus, max_retries=0)(run_job)
            places = {task.remote(index, cfg, self.cpus): index for index, cfg in enumerate(jobs)}
            while places:
                (reference,), _ = ray.wait(list(places), num_returns=1)
                index = places.pop(reference)
                try:
                    yield ray.get(reference)
                except ray.exceptions.RayError:
                    yield died(index)
        finally:
            ray.shutdown()
