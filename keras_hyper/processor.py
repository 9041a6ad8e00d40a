"""What oneDNN, which computes for TensorFlow, OpenVINO and PyTorch, may use of the processor."""

import os
import re


def onednn_may_use_bfloat16() -> bool:
    """Whether the variable ``ONEDNN_MAX_CPU_ISA`` allows instructions for bfloat16."""
    isa = os.environ.get("ONEDNN_MAX_CPU_ISA", "DEFAULT")
    return bool(re.search("BF16|FP16|AMX|AVX10|DEFAULT", isa.upper()))
