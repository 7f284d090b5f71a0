"""Jobs of a cluster's queue."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from kgrec.errors import InputError
from kgrec.launchers.base import JobEnd, Launcher, died, run_job


class Submitit(Launcher):
    """Submits jobs to Slurm by submitit, as one array, and waits for them.

    A job that Slurm stops at its time limit, or takes away for another, is put into the queue again and goes
    on from its last checkpoint. So does one whose multirun was interrupted: start the same command again. Run
    folders, caches and data must lie where all machines see them.

    Args:
        cluster: slurm | local (processes of this machine, to try it out) | debug (in this process).
        folder: for submitit's scripts and logs.
        timeout_min: time limit of a job, minutes.
        cpus: cores of a job.
        memory_gb: of a job.
        gpus: of a job.
        at_once: jobs of the array that may run at a time.
        parameters: further ones by submitit's names, e.g. ``{slurm_partition: gpu}``.
    """

    def __init__(
        self,
        cluster: str,
        folder: str,
        timeout_min: int,
        cpus: int,
        memory_gb: float,
        gpus: int,
        at_once: int,
        parameters: Mapping[str, Any],
    ) -> None:
        self.cluster = cluster
        self.folder = Path(folder)
        self.cpus = cpus
        self.parameters = {
            "timeout_min": timeout_min,
            "cpus_per_task": cpus,
            "mem_gb": memory_gb,
            "gpus_per_node": gpus,
            **({"slurm_array_parallelism": at_once} if cluster == "slurm" else {}),
            **parameters,
        }

    def launch(self, jobs: Sequence[DictConfig]) -> Iterator[JobEnd]:
        """As they end.

        Raises:
            InputError: submitit is not installed, there is no such cluster, or it refuses a parameter.
        """
        try:
            import submitit
        except ImportError as error:
            raise InputError("launcher=submitit needs submitit: pip install 'kgrec[launchers]'") from error
        try:
            executor = submitit.AutoExecutor(self.folder, cluster=self.cluster)
            executor.update_parameters(**self.parameters)
        except (RuntimeError, ValueError, NameError, TypeError) as error:
            raise InputError(f"launcher: submitit refuses it: {' '.join(str(error).split())}") from error
        tasks = [_Task(index, cfg, self.cpus) for index, cfg in enumerate(jobs)]
        submitted = executor.submit_array(tasks)
        places = {job.job_id: index for index, job in enumerate(submitted)}
        for job in submitit.helpers.as_completed(submitted):
            index = places[job.job_id]
            try:
                yield job.result()
            except (submitit.core.utils.FailedJobError, submitit.core.utils.UncompletedJobError):
                yield died(index)


class _Task:
    """A job as submitit sends it; it can be put into the queue again, as a run goes on by itself."""

    def __init__(self, index: int, cfg: DictConfig, num_threads: int) -> None:
        self.index, self.cfg, self.num_threads = index, cfg, num_threads

    def __call__(self) -> JobEnd:
        return run_job(self.index, self.cfg, self.num_threads)

    def checkpoint(self) -> Any:
        """Called by submitit when the machine is taken away."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)
