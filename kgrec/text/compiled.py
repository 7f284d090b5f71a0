"""The layers of a language model through torch.compile."""

import logging
import time
from collections.abc import Callable

import torch

from kgrec.text.backbone import Backbone

log = logging.getLogger(__name__)


def compile_layers(backbone: Backbone, try_out: Callable[[], object]) -> bool:
    """Let torch.compile make the operations of each layer into few, for any number of texts and tokens.

    Layers are compiled one by one, as each has the same code. Weights count as constants, so that oneDNN may
    lay them out for the CPU and take the activation into the product before it.

    Args:
        backbone: its layers are changed.
        try_out: computes something with it; compiling happens then.

    Returns:
        Whether it worked. Where it did not, as without a compiler, the layers are as before, and one line in
        the log says why.
    """
    for layer in backbone.layers:
        layer.forward = torch.compile(layer.forward, dynamic=True, options={"freezing": True})
    start = time.perf_counter()
    try:
        try_out()
    except RuntimeError as error:  # the class of all that torch raises while compiling
        reason = str(error).strip().partition("\n")[0]
        log.warning("speed.compile: torch.compile failed (%s); going on without it", reason)
        for layer in backbone.layers:
            del layer.forward  # the plain method of the class shows again
        return False
    log.info("torch.compile took %.0f s for %d layers", time.perf_counter() - start, len(backbone.layers))
    return True
