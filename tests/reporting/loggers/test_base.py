from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from kgrec.build import build
from kgrec.reporting.loggers.base import RunLogger
from kgrec.reporting.loggers.none import NoLogger
from kgrec.reporting.run_folder import RunFolder

CONFIGS = sorted((Path(__file__).parents[3] / "conf" / "logger").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_builds_the_logger_of_its_file(path: Path) -> None:
    config = OmegaConf.load(path)
    assert isinstance(build(config), RunLogger)
    assert config["_target_"].split(".")[-2] == path.stem


def test_a_failed_job_is_finished_as_failed(tmp_path: Path, log_job: Callable[..., RunFolder]) -> None:
    ends: list[bool] = []

    class Spy(NoLogger):
        def finish(self, failed: bool = False) -> None:
            ends.append(failed)

    with pytest.raises(RuntimeError), Spy():
        raise RuntimeError
    log_job(Spy(), tmp_path / "run", range(1, 2))
    assert ends == [True, False]


def test_none_leaves_nothing_and_asks_for_nothing_to_show(
    tmp_path: Path, log_job: Callable[..., RunFolder]
) -> None:
    run = log_job(NoLogger(), tmp_path / "run", range(1, 3))
    assert [path.name for path in run.path.iterdir()] == ["config.yaml"]
    assert not NoLogger().shows
