"""Stored blocks of every kind and what the gguf package (e4m3: torch) says they mean."""
import os
import struct

import gguf
import numpy as np
import torch

# name, GGUF type, places of the 16-bit scales within the block: those are kept finite, everything else is random bits
KINDS = [
    ("Q8_0", gguf.GGMLQuantizationType.Q8_0, [0]),
    ("Q4_0", gguf.GGMLQuantizationType.Q4_0, [0]),
    ("Q4_1", gguf.GGMLQuantizationType.Q4_1, [0, 2]),
    ("Q4_K", gguf.GGMLQuantizationType.Q4_K, [0, 2]),
    ("Q6_K", gguf.GGMLQuantizationType.Q6_K, [208]),
]
ROWS = 4


def main():
    random = np.random.default_rng(20)
    path = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "core", "blocks.bin")
    with open(path, "wb") as out:
        def record(name, raw, values):
            out.write(struct.pack("<8sII", name.encode(), len(raw), len(values)))
            out.write(raw)
            out.write(values.astype("<f4").tobytes())
        for name, kind, scales in KINDS:
            values_per_block, block_bytes = gguf.GGML_QUANT_SIZES[kind]
            blocks = ROWS * 256 // values_per_block
            raw = random.integers(0, 256, size=(blocks, block_bytes), dtype=np.uint8)
            for at in scales:
                raw[:, at:at + 2] = random.normal(0, 0.01, size=(blocks, 1)).astype("<f2").view(np.uint8).reshape(blocks, 2)
            record(name, raw.tobytes(), gguf.quants.dequantize(raw.reshape(-1), kind))
        every = np.arange(256, dtype=np.uint8)
        record("F8_E4M3", every.tobytes(), torch.from_numpy(every).view(torch.float8_e4m3fn).float().numpy())
        record("F8_E5M2", every.tobytes(), torch.from_numpy(every).view(torch.float8_e5m2).float().numpy())
    print(path, os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main()
