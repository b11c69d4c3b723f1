"""What this machine's processor can do, so that number formats are chosen by capability.

Knows nothing of models.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_BF16 = frozenset({"avx512_bf16", "amx_bf16"})


def fast_bf16() -> bool:
    """True where bfloat16 matrix products run in hardware: CUDA, or a CPU with AVX512-BF16 or AMX-BF16.

    Elsewhere bfloat16 is emulated and far slower than float32.
    """
    import torch  # takes seconds

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def surely_no_gpu(devices: Path = Path("/dev")) -> bool:
    """True where the system tells without torch that there is no GPU."""
    return sys.platform == "linux" and not any((devices / name).exists() for name in ("nvidiactl", "kfd", "dxg"))


def bf16_in_processor(cpu: Path = Path("/proc/cpuinfo")) -> bool:
    """True where the system tells without torch that the processor multiplies bfloat16."""
    if sys.platform != "linux" or not cpu.exists():
        return False
    flags = {flag for line in cpu.read_text().splitlines() if line.startswith("flags") for flag in line.split()}
    return bool(flags & _BF16)


def cores() -> int:
    """Processor cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
