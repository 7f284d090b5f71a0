"""Folders whose linear layers torchao has stored in 8 bits: told apart and read.

``config.json`` says so in transformers' own words (``quantization_config``), and transformers reads them.
"""

from pathlib import Path
from typing import Any

from kgrec.errors import InputError
from kgrec.text.pretrained import read_config


def is_stored_by_torchao(folder: Path) -> bool:
    """Whether a model folder is of this kind."""
    return bool(read_config(folder).get("quantization_config", {}).get("quant_method") == "torchao")


def torchao() -> Any:
    """``torchao.quantization``.

    Raises:
        InputError: it is not installed.
    """
    try:
        from torchao import quantization
    except ImportError as error:
        raise InputError(
            f"model: weights stored by torchao need it ({error}); pip install kgrec[torchao]"
        ) from error
    return quantization
