"""What every encoder does: run its network as fast as the processor allows, and give unit rows.

Each batch is computed on one thread, and the batches of a call beside each other. Threads inside torch's operations
wait for each other at every step: no faster on a quiet machine, ten times slower on one that has other work to do.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import numpy as np
import torch

torch.set_num_threads(1)


def in_batches(encode: Callable[[slice], np.ndarray], count: int, size: int, width: int) -> np.ndarray:
    """Runs a network over `count` inputs, batches side by side on all processors.

    Args:
        encode: the network's output for a slice of the inputs, (size, width); called from several threads.
        count: how many inputs.
        size: how many a batch.
        width: length of an output.

    Returns:
        (count, width) float32, in the inputs' order.
    """
    slices = [slice(start, min(start + size, count)) for start in range(0, count, size)]
    outputs = np.empty((count, width), dtype=np.float32)
    if len(slices) < 2:  # a query, which should not wait for a pool to start
        for part in slices:
            outputs[part] = encode(part)
        return outputs
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for part, output in zip(slices, pool.map(encode, slices), strict=True):
            outputs[part] = output
    return outputs


def has_bfloat16() -> bool:
    """Whether the processor computes in bfloat16 itself; emulated, it is slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))


@contextmanager
def fast_inference():
    """No gradients, and bfloat16 where the processor has it. Holds for the calling thread only."""
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode())
        if has_bfloat16():
            stack.enter_context(torch.autocast("cpu", dtype=torch.bfloat16))
        yield


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1, (n, d) float32; a zero row stays zero."""
    vectors = np.asarray(vectors, dtype=np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
