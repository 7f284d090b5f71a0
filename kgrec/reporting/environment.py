"""Facts about software and machine that a result may hang on; no user names, no paths."""

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

PACKAGES = (
    "kgrec",
    "torch",
    "torch-geometric",
    "transformers",
    "accelerate",
    "hydra-core",
    "numpy",
    "scipy",
    "polars",
    "safetensors",
    "wandb",
)


def environment(seed: int) -> dict[str, Any]:
    """Versions, commit, host facts and the seed, as JSON types."""
    return {
        "seed": seed,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "git": git_state(),
        "host": {
            "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
            "cpu_count": os.cpu_count(),
            "torch_threads": torch.get_num_threads(),
            "memory_mb": _memory_mb(),
            "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
    }


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What may move a figure and differs between two environments: code, versions, device, threads, data.

    Args:
        before: ``env.json`` of a run.
        now: the same of another run, or of this process; what only one of them tells is not compared.

    Returns:
        E.g. ``["commit 1c0ffee → 5d25021", "torch 2.11.0 → 2.13.0", "graph 39012d05 → 1f3e5a77"]``.
    """
    old, new = _facts(before), _facts(now)
    return [
        f"{name} {old[name]} → {new[name]}"
        for name in old
        if name in new and old[name] != new[name] and None not in (old[name], new[name])
    ]


def _facts(env: Mapping[str, Any]) -> dict[str, str | None]:
    git, host = env.get("git") or {}, env.get("host") or {}
    commit = git.get("commit")
    return {
        "commit": None if commit is None else commit[:7] + (" with changes" if git.get("dirty") else ""),
        "python": env.get("python"),
        **(env.get("packages") or {}),
        "device": host.get("accelerator") or "CPU",
        "threads": host.get("torch_threads"),
        **(env.get("data") or {}),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def git_state() -> dict[str, Any] | None:
    """Commit of the checkout that this code runs from; ``None`` where it runs from an installed package."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    commit = _git_output(root, "rev-parse", "HEAD")
    # Results are not code: every run that reads test writes to the book of test reads.
    changes = _git_output(
        root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!experiments/results"
    )
    if commit is None or changes is None:
        return None
    return {"commit": commit, "dirty": bool(changes)}


def commit() -> str | None:
    """Commit of the code, ``None`` outside a checkout."""
    state = git_state()
    return str(state["commit"]) if state else None


def _git_output(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):  # no git, or a checkout that is not ours
        return None
    return done.stdout.strip()


def _memory_mb() -> int | None:
    """Physical memory; ``None`` on systems that do not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    except (AttributeError, ValueError, OSError):
        return None
