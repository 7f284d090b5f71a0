"""Weights & Biases."""

import glob
import http.client
import json
import logging
import netrc
import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kgrec.errors import InputError
from kgrec.reporting.environment import git_state
from kgrec.reporting.exhibits import Exhibits
from kgrec.reporting.loggers.base import RunInfo, RunLogger, Source
from kgrec.reporting.plots import pixels
from kgrec.reporting.run_folder import RunFolder

log = logging.getLogger(__name__)

LONGEST_NAME = 128
"""Characters of an artifact's name; W&B refuses more."""

MOST_METADATA = 100
"""Entries of an artifact's metadata; W&B refuses more."""

ANSWERS_WITHIN_S = 10.0
"""Seconds that a W&B server is given to answer at all."""

KEPT = ("config.yaml", "env.json", "metrics.jsonl", "per_user.parquet", "summary.json")
"""Files of a finished run folder that W&B keeps, below a folder of the run's name: W&B has a ``config.yaml``
of its own."""


class WandbLogger(RunLogger):
    """Weights & Biases; one W&B run per run folder, its files inside the folder.

    W&B is a mirror: where it fails, a warning says so and the job goes on without it. What a run learns from
    is an artifact that it uses, versioned by content: runs with the same data use the same version. The
    model is one that it makes, with the first values of the summary as metadata. The files that comparisons
    read are kept as they stand (:mod:`kgrec.reporting.wandb_read` reads them back).

    Args:
        project: W&B project.
        entity: W&B user or team; ``None`` = the account's default.
        mode: ``online``; ``offline`` (files only, sent later with ``kgrec wandb sync``); ``disabled``;
            ``auto`` = what WANDB_MODE says, else online where an API key is configured (WANDB_API_KEY or the
            netrc file), else offline.
        tags: beside those of the run.
        notes: shown with the run.
        show: whether examples and plots are made at the end.
        max_model_mb: largest model, in MiB, that becomes an artifact; 0 = none does.

    Raises:
        InputError: an unknown mode, or a negative size.
    """

    MODES = ("auto", "online", "offline", "disabled")
    ID_FILE = "kgrec-run-id"

    def __init__(
        self,
        project: str,
        entity: str | None,
        mode: str,
        tags: Sequence[str],
        notes: str,
        show: bool,
        max_model_mb: float,
    ) -> None:
        if mode not in self.MODES:
            raise InputError(f"logger.mode: found {mode!r}, expected one of {', '.join(self.MODES)}")
        if max_model_mb < 0:
            raise InputError(f"logger.max_model_mb: found {max_model_mb}, expected at least 0")
        self.project = project
        self.entity = entity
        self.mode = mode
        self.tags, self.notes = tuple(tags), notes
        self.shows = show
        self.max_model_mb = max_model_mb
        self._run: Any = None
        self._run_folder = RunFolder(Path())

    def start(self, run_folder: RunFolder, info: RunInfo) -> None:
        """Begin a W&B run, or go on with it, and name what it uses."""
        import wandb

        self._run_folder = run_folder
        git = git_state() or {}
        with self._going_on_without("start"):
            quieten()
            self._run = wandb.init(
                project=self.project,
                entity=self.entity,
                id=self._wandb_id(run_folder),
                resume="allow",
                dir=run_folder.path,
                name=info.name,
                group=info.group,
                job_type=info.job_type,
                tags=list(dict.fromkeys((*info.tags, *self.tags))),
                notes=self.notes,
                config={**info.config, "code": git},
                mode=self._resolved_mode(),
                # W&B would look for the commit around the run folder, which may lie in another checkout.
                settings=wandb.Settings(console="off", silent=True, git_commit=git.get("commit")),
            )
            for source in info.sources:
                self._use(source)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Mirror the metrics of one step."""
        if self._run is not None:
            # Written at once: a row that is still open at the end would go over the summary.
            with self._going_on_without("log"):
                self._run.log(dict(metrics), step=step, commit=True)

    def summary(self, values: Mapping[str, Any]) -> None:
        """Mirror the summary, and keep the model and the files of the finished run."""
        if self._run is not None:
            with self._going_on_without("store the summary"):
                self._run.summary.update(dict(values))
                self._keep_files()
                self._keep_model(values)

    def show(self, exhibits: Exhibits) -> None:
        """Table of examples, figures and histograms, as a step of their own after the last epoch."""
        import wandb

        if self._run is None:
            return
        table = exhibits.example_table()
        shown: dict[str, Any] = {
            name: wandb.Image(pixels(figure)) for name, figure in exhibits.figures.items()
        }
        shown |= {f"{name}/items": wandb.Histogram(values) for name, values in exhibits.values.items()}
        if exhibits.examples:
            shown["examples"] = wandb.Table(columns=list(table.columns), data=[list(r) for r in table.rows])
        with self._going_on_without("show the examples and plots"), self._staged_in_run_folder():
            self._run.log(shown, commit=True)

    def finish(self, failed: bool = False) -> None:
        """End the W&B run: without it, the next job of a multirun would join this one."""
        if self._run is not None:
            with self._going_on_without("finish"):
                self._run.finish(exit_code=1 if failed else 0)
            self._run = None

    def _use(self, source: Source) -> None:
        """The source as an artifact that the run uses: a manifest whose digest is that of the content."""
        import wandb

        manifest = {"kind": source.kind, "name": source.name, "sha256": source.digest, **source.facts}
        path = self._run_folder.path / "wandb" / f"{source.kind}.json"
        path.write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")
        artifact = wandb.Artifact(_artifact_name(source.name), source.kind, metadata=manifest)
        artifact.add_file(str(path.resolve()), policy="immutable")
        # What use_artifact does with a new artifact, without waiting for it to be sent, and offline too,
        # where use_artifact refuses although `wandb sync` knows the record.
        self._run._log_artifact(artifact, is_user_created=True, use_after_commit=True)

    def _keep_files(self) -> None:
        """Links to the run folder's files, sent when the run ends."""
        folder = self._run_folder.path.resolve()
        for path in (folder / name for name in KEPT):
            if path.is_file():
                # W&B takes a pattern, and a run's name may have brackets.
                self._run.save(
                    glob.escape(str(path)), base_path=glob.escape(str(folder.parent)), policy="end"
                )

    def _keep_model(self, values: Mapping[str, Any]) -> None:
        """The best weights with their settings, from where they lie: nothing is copied."""
        import wandb

        weights = sorted(self._run_folder.checkpoint_dir.glob("*.safetensors"))
        size = sum(path.stat().st_size for path in weights) / 2**20
        if not weights or size > self.max_model_mb:
            return
        told = dict(islice(values.items(), MOST_METADATA))
        artifact = wandb.Artifact(_artifact_name(f"model-{self._run_folder.name}"), "model", metadata=told)
        for path in (*weights, self._run_folder.path / "config.yaml"):
            artifact.add_file(str(path.resolve()), policy="immutable")
        self._run.log_artifact(artifact, aliases=["best"])

    @contextmanager
    def _staged_in_run_folder(self) -> Iterator[None]:
        """W&B copies tables to the home directory and leaves them there until they are sent."""
        before = os.environ.get("WANDB_DATA_DIR")
        os.environ["WANDB_DATA_DIR"] = str((self._run_folder.path / "wandb").resolve())
        try:
            yield
        finally:
            if before is None:
                del os.environ["WANDB_DATA_DIR"]
            else:
                os.environ["WANDB_DATA_DIR"] = before

    @contextmanager
    def _going_on_without(self, what: str) -> Iterator[None]:
        import wandb

        try:
            yield
        except (wandb.errors.Error, OSError, ValueError) as error:
            self._run = None
            log.warning(
                "W&B could not %s (%s); going on without it: the run folder has everything, and "
                "logger.mode=offline needs no connection",
                what,
                " ".join(str(error).split()),
            )

    def _wandb_id(self, run_folder: RunFolder) -> str:
        """Run id + a suffix drawn once per folder, see :func:`name_of`.

        A resumed run stays the same W&B run, and one made anew from the same settings, on another machine
        or after its folder was deleted, is another.
        """
        path = run_folder.path / "wandb" / self.ID_FILE
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{run_folder.name}-{secrets.token_hex(3)}")
        return path.read_text().strip()

    def _resolved_mode(self) -> Any:
        if self.mode != "auto":
            return self.mode
        return os.environ.get("WANDB_MODE") or ("online" if has_api_key() else "offline")


def has_api_key() -> bool:
    """Whether W&B's own places for a key hold one; the key itself is not read."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    from wandb.sdk.lib import urls

    try:
        known = netrc.netrc(os.environ.get("NETRC") or Path.home() / ".netrc")
    except (OSError, RuntimeError, netrc.NetrcParseError):  # no home, no file, or none that W&B could read
        return False
    # A key stored for the server behind the default one counts too.
    servers = (_server(), urls.forge_upstream_url(_server()))
    return any(known.authenticators(urlsplit(server).netloc) for server in servers)


def check_account() -> None:
    """Ask for a key, and whether the server answers at all, before W&B does.

    W&B tries for long, and where its client gives up and ends at once, its service process may wait for ever
    (wandb 0.31: the answer to the given-up request closes the connection before the word to end is read).

    Raises:
        InputError: no account is configured, or its server does not answer.
    """
    if not has_api_key():
        raise InputError("found no W&B account on this machine, expected WANDB_API_KEY or `wandb login`")
    try:
        urllib.request.urlopen(_server(), timeout=ANSWERS_WITHIN_S).close()
    except urllib.error.HTTPError as error:
        error.close()  # an answer, whatever it says
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise InputError(
            f"found no answer from the W&B server at {_server()} ({error}), expected one that can be reached "
            "(WANDB_BASE_URL names another)"
        ) from error


def _server() -> str:
    """Address of W&B's server, by the environment and W&B's own settings."""
    from wandb.sdk import wandb_setup

    return str(wandb_setup.singleton().settings.base_url)


def quieten() -> None:
    """Leave what W&B has to say to its debug.log; the console is ours, and what fails is raised."""
    import wandb

    logging.getLogger("wandb").propagate = False
    wandb.setup(wandb.Settings(silent=True))


def name_of(wandb_id: str) -> str:
    """The name of the run folder that a W&B run mirrors; empty where it mirrors none."""
    return wandb_id.rpartition("-")[0]


def _artifact_name(name: str) -> str:
    """A name that W&B takes: letters, digits, dots, dashes and underscores, not too long."""
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in name)[:LONGEST_NAME]
