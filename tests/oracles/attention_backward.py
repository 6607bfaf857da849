"""Gradients of attention by PyTorch's autograd in fp64: scaled_dot_product_attention, and formulas where it cannot say them."""
import os

import numpy as np
import torch
import torch.nn.functional as F

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "parity", "attention_backward")
QUERIES, KEYS, HEADS, KV, DIM, DIM_V, TERMS = 20, 30, 4, 2, 16, 8, 3
OFFSET = KEYS - QUERIES


def save(name, tensor):
    os.makedirs(DATA, exist_ok=True)
    np.save(os.path.join(DATA, name + ".npy"), np.ascontiguousarray(tensor.detach().numpy().astype("<f4")))


def numbers(*shape):
    """Exact in fp32."""
    return torch.randn(*shape, dtype=torch.float32).to(torch.float64)


def heads_first(x):
    return x.transpose(0, 1).unsqueeze(0)


def tokens_first(x):
    return x.squeeze(0).transpose(0, 1)


torch.manual_seed(5)
q, k, v, d_out = numbers(QUERIES, HEADS, DIM) * 2, numbers(KEYS, KV, DIM), numbers(KEYS, KV, DIM_V), numbers(QUERIES, HEADS, DIM_V)
sinks, table, cosine, sine = numbers(HEADS), numbers(HEADS, 8), numbers(HEADS, TERMS), numbers(HEADS, TERMS)
for name, x in dict(q=q, k=k, v=v, d_out=d_out, sinks=sinks, table=table, cosine=cosine, sine=sine).items():
    save(name, x)

i, j = torch.arange(QUERIES)[:, None] + OFFSET, torch.arange(KEYS)[None, :]
causal = lambda i, j: i >= j


def gradients(name, f, **learned):
    """Saves d sum(f(q, k, v) d_out) / d each."""
    leaves = [x.clone().requires_grad_() for x in (q, k, v, *learned.values())]
    found = torch.autograd.grad((f(*leaves) * d_out).sum(), leaves)
    for suffix, x in zip(["dq", "dk", "dv", *("d_" + n for n in learned)], found):
        save(f"{name}_{suffix}", x)


def sdpa(mask):
    return lambda q, k, v: tokens_first(F.scaled_dot_product_attention(heads_first(q), heads_first(k), heads_first(v), attn_mask=mask, enable_gqa=True))


def written_out(q, k, v, change=lambda s: s, sink=None):
    """[head, query, key] scores with `change` applied, in plain operations."""
    s = change(torch.einsum("ihd,jhd->hij", q, k.repeat_interleave(HEADS // KV, 1)) / DIM**0.5).masked_fill(~causal(i, j), float("-inf"))
    if sink is not None:
        s = torch.cat([s, sink[:, None, None].expand(-1, QUERIES, 1)], -1)
    return torch.einsum("hij,jhd->ihd", torch.softmax(s, -1)[..., :KEYS], v.repeat_interleave(HEADS // KV, 1))


def waves(s, a, b):
    angle = (i - j).to(torch.float64)[None, None] * (0.5 ** torch.arange(TERMS, dtype=torch.float64))[None, :, None, None]
    return s + (a[:, :, None, None] * torch.cos(angle) + b[:, :, None, None] * torch.sin(angle)).sum(1)


gradients("causal", sdpa(causal(i, j)))
# flex_attention has no backward on processors, hence formulas.
gradients("window", sdpa(causal(i, j) & (i - j < 9)))
gradients("soft_cap", lambda q, k, v: written_out(q, k, v, lambda s: 1.5 * torch.tanh(s / 1.5)))
gradients("sink", lambda q, k, v, sinks: written_out(q, k, v, sink=sinks), sinks=sinks)
gradients("fourier", lambda q, k, v, a, b: written_out(q, k, v, lambda s: waves(s, a, b)), cosine=cosine, sine=sine)
far = 4 + (torch.log((i - j).clamp(4) / 4) / np.log(20 / 4) * 4).to(torch.int64)  # T5's, 8 buckets backward up to a distance of 20
bucket = torch.where(i - j < 4, (i - j).clamp(0), far.clamp(max=7))
gradients("relative_bias", lambda q, k, v, t: written_out(q, k, v, lambda s: s + t[:, bucket]), table=table)
print("attention_backward:", len(os.listdir(DATA)), "arrays,", sum(os.path.getsize(os.path.join(DATA, f)) for f in os.listdir(DATA)), "bytes")
