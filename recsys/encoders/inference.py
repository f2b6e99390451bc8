"""What every encoder does: run its network as fast as the processor allows, and give unit rows."""

from contextlib import ExitStack, contextmanager

import numpy as np
import torch


def has_bfloat16() -> bool:
    """Whether the processor computes in bfloat16 itself; emulated, it is slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))


@contextmanager
def fast_inference():
    """No gradients, and bfloat16 where the processor has it; weights are cast once for all that runs inside."""
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode())
        if has_bfloat16():
            stack.enter_context(torch.autocast("cpu", dtype=torch.bfloat16))
        yield


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1, (n, d) float32; a zero row stays zero."""
    vectors = np.asarray(vectors, dtype=np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
