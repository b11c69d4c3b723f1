"""What this machine's processor can do, so that number formats are chosen by capability.

Knows nothing of models.
"""

from __future__ import annotations

import os
import sys

import torch


def fast_bf16() -> bool:
    """True where bfloat16 matrix products run in hardware: CUDA, or a CPU with AVX512-BF16 or AMX-BF16.

    Elsewhere bfloat16 is emulated and far slower than float32.
    """
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def cores() -> int:
    """Processor cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
