"""Attention of PyTorch, scaled_dot_product_attention and flex_attention in fp64: masks, scores, sinks, grouped heads, 192/128."""
import os

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "parity", "attention")
QUERIES, KEYS, HEADS, KV = 37, 50, 6, 2
OFFSET = KEYS - QUERIES


def save(name, tensor):
    os.makedirs(DATA, exist_ok=True)
    np.save(os.path.join(DATA, name + ".npy"), np.ascontiguousarray(tensor.detach().numpy().astype("<f4")))


def numbers(*shape):
    """[token, head, dim], exact in fp32."""
    return torch.randn(*shape, dtype=torch.float32).to(torch.float64)


def heads_first(x):
    return x.transpose(0, 1).unsqueeze(0)


def tokens_first(x):
    return x.squeeze(0).transpose(0, 1)


def in_bf16(f):
    """How far f is from itself in fp64 when its q, k, v and result are bf16, as PyTorch computes it: relative L2."""
    rounded = [x.to(torch.bfloat16) for x in (q, k, v)]
    want, got = f(*[x.to(torch.float64) for x in rounded]), f(*rounded).to(torch.float64)
    return ((got - want).norm() / want.norm()).item()


def sdpa(q, k, v, **how):
    return tokens_first(F.scaled_dot_product_attention(heads_first(q), heads_first(k), heads_first(v), **how))


def flex(q, k, v, keep=None, score=None):
    """keep and score see absolute positions: query i stands at OFFSET + i."""
    mask = keep and create_block_mask(lambda b, h, i, j: keep(i + OFFSET, j), 1, None, QUERIES, KEYS, device="cpu")
    change = score and (lambda s, b, h, i, j: score(s, h, i + OFFSET, j))
    return tokens_first(flex_attention(heads_first(q), heads_first(k), heads_first(v), score_mod=change, block_mask=mask, enable_gqa=True))


torch.manual_seed(3)
q, k, v = numbers(QUERIES, HEADS, 16) * 2, numbers(KEYS, KV, 16), numbers(KEYS, KV, 24)
ids = torch.sort(torch.randint(0, 5, (KEYS,))).values
sinks = numbers(HEADS)
for name, x in dict(q=q, k=k, v=v, sinks=sinks, ids=ids).items():
    save(name, x)

i, j = torch.arange(QUERIES)[:, None] + OFFSET, torch.arange(KEYS)[None, :]
causal = lambda i, j: i >= j
slopes = torch.tensor([2.0**-2, 2.0**-4, 2.0**-6, 2.0**-8, 2.0**-1, 2.0**-3], dtype=torch.float64)  # six heads: ALiBi's published rule

variants = {
    "causal": lambda q, k, v: sdpa(q, k, v, attn_mask=causal(i, j), enable_gqa=True),
    "full": lambda q, k, v: sdpa(q, k, v, enable_gqa=True),
    "window": lambda q, k, v: flex(q, k, v, lambda i, j: (i >= j) & (i - j < 9)),
    "prefix": lambda q, k, v: flex(q, k, v, lambda i, j: (i >= j) | (j < 20)),
    "document": lambda q, k, v: flex(q, k, v, lambda i, j: (i >= j) & (ids[i] == ids[j])),
    "alibi": lambda q, k, v: flex(q, k, v, causal, lambda s, h, i, j: s - slopes[h] * (i - j)),
    "soft_cap": lambda q, k, v: flex(q, k, v, causal, lambda s, h, i, j: 1.5 * torch.tanh(s / 1.5)),
}
for name, f in variants.items():
    save(name, f(q, k, v))
apart = [in_bf16(f) for f in variants.values()]

scores = torch.einsum("ihd,jhd->hij", q, k.repeat_interleave(HEADS // KV, 1)) / 4
scores = scores.masked_fill(~causal(i, j), float("-inf"))
with_sink = torch.softmax(torch.cat([scores, sinks[:, None, None].expand(-1, QUERIES, 1)], -1), -1)[..., :-1]
save("sink", torch.einsum("hij,jhd->ihd", with_sink, v.repeat_interleave(HEADS // KV, 1)))

q, k, v = numbers(9, 2, 192), numbers(9, 2, 192), numbers(9, 2, 128)
for name, x in dict(q=q, k=k, v=v).items():
    save("wide_" + name, x)
save("wide", sdpa(q, k, v, is_causal=True))
apart.append(in_bf16(lambda q, k, v: sdpa(q, k, v, is_causal=True)))
save("bf16_errors", torch.tensor(apart, dtype=torch.float64))  # in the order of the variants, then wide
print("in bf16:", dict(zip([*variants, "wide"], apart)))
print("attention:", len(os.listdir(DATA)), "arrays,", sum(os.path.getsize(os.path.join(DATA, f)) for f in os.listdir(DATA)), "bytes")
