"""Times the backward of PyTorch's scaled_dot_product_attention on this processor, beside bench_kernels_attention_backward:
causal, 16 heads, 1,024 tokens. Needs torch."""
import argparse
import statistics
import time

import torch

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--turns", type=int, default=5)
options = parser.parse_args()
torch.set_num_threads(options.threads)
for dtype in (torch.float32, torch.bfloat16):
    for dim in (128, 64):
        q, k, v = (torch.randn(1, 16, 1024, dim, dtype=dtype, requires_grad=True) for _ in range(3))
        d_out, times = torch.randn(1, 16, 1024, dim, dtype=dtype), []
        for _ in range(options.turns + 1):
            out = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            begin = time.perf_counter()
            out.backward(d_out)
            times.append(1e3 * (time.perf_counter() - begin))
        print(f"{str(dtype):15} d {dim:3}  median {statistics.median(times[1:]):6.1f} ms  least {min(times[1:]):6.1f} ms")
