"""Attention of PyTorch, scaled_dot_product_attention and flex_attention in fp64: masks, scores, sinks, grouped heads, 192/128."""
import os

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.attention.flex_attention import AuxRequest, create_block_mask, flex_attention

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


def apart(f, number):
    """How far f is from itself in fp64 when its q, k, v and result are of `number`, as PyTorch computes it: relative L2."""
    rounded = [x.to(number) for x in (q, k, v)]
    want, got = f(*[x.to(torch.float64) for x in rounded]), f(*rounded)
    assert got.dtype == number
    return ((got.to(torch.float64) - want).norm() / want.norm()).item()


def sdpa(q, k, v, **how):
    return tokens_first(F.scaled_dot_product_attention(heads_first(q), heads_first(k), heads_first(v), **how))


def flex(q, k, v, keep=None, score=None, sink=None):
    """keep and score see absolute positions: query i stands at OFFSET + i. sink, a logit per head, takes its share by the log-sum-exp."""
    mask = keep and create_block_mask(lambda b, h, i, j: keep(i + OFFSET, j), 1, None, QUERIES, KEYS, device="cpu")
    change = score and (lambda s, b, h, i, j: score(s, h, i + OFFSET, j))
    out, aux = flex_attention(heads_first(q), heads_first(k), heads_first(v), score_mod=change, block_mask=mask, enable_gqa=True, return_aux=AuxRequest(lse=True))
    if sink is not None:
        out = out * torch.sigmoid(aux.lse - sink[None, :, None].to(aux.lse.dtype)).unsqueeze(-1).to(out.dtype)
    return tokens_first(out)


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
    "alibi": lambda q, k, v: flex(q, k, v, causal, lambda s, h, i, j: s - slopes[h].to(s.dtype) * (i - j)),
    "soft_cap": lambda q, k, v: flex(q, k, v, causal, lambda s, h, i, j: 1.5 * torch.tanh(s / 1.5)),
    "sink": lambda q, k, v: flex(q, k, v, causal, sink=sinks),
}
for name, f in variants.items():
    save(name, f(q, k, v))
numbers_of = {"fp32": torch.float32, "bf16": torch.bfloat16}
errors = {name: [apart(f, number) for f in variants.values()] for name, number in numbers_of.items()}

# The same sinks by a softmax written out.
scores = torch.einsum("ihd,jhd->hij", q, k.repeat_interleave(HEADS // KV, 1)) / 4
scores = scores.masked_fill(~causal(i, j), float("-inf"))
with_sink = torch.softmax(torch.cat([scores, sinks[:, None, None].expand(-1, QUERIES, 1)], -1), -1)[..., :-1]
assert torch.allclose(variants["sink"](q, k, v), torch.einsum("hij,jhd->ihd", with_sink, v.repeat_interleave(HEADS // KV, 1)), rtol=1e-12, atol=1e-12)

q, k, v = numbers(9, 2, 192), numbers(9, 2, 192), numbers(9, 2, 128)
for name, x in dict(q=q, k=k, v=v).items():
    save("wide_" + name, x)
save("wide", sdpa(q, k, v, is_causal=True))
for name, number in numbers_of.items():
    errors[name].append(apart(lambda q, k, v: sdpa(q, k, v, is_causal=True), number))
    save(name + "_errors", torch.tensor(errors[name], dtype=torch.float64))  # in the order of the variants, then wide
    print(f"in {name}:", {variant: f"{error:.3g}" for variant, error in zip([*variants, "wide"], errors[name])})


def counted(seed, *shape):
    """Numbers that need no file: multiples of 2^-23 in [-1, 1), the hash of their place."""
    x = (np.arange(np.prod(shape), dtype=np.uint64) + seed * 0x9E3779B9) * 2654435761 % 2**32
    for right, by in (15, 2246822519), (13, 3266489917), (16, 1):
        x = (x ^ x >> np.uint64(right)) * by % 2**32
    return torch.from_numpy((x >> np.uint64(8)).astype(np.float64) * 2.0**-23 - 1).reshape(shape)


LONG_DIMS = (64, 128, 192, 256, 576)
long_errors = {name: [] for name in numbers_of}
for dim in LONG_DIMS:
    q, k, v = counted(1, 500, 4, dim) * 3, counted(2, 500, 2, dim), counted(3, 500, 2, dim)
    for name, number in numbers_of.items():
        long_errors[name].append(apart(lambda q, k, v: sdpa(q, k, v, is_causal=True, enable_gqa=True), number))
for name, apart_by in long_errors.items():
    save(f"long_{name}_errors", torch.tensor(apart_by, dtype=torch.float64))
    print(f"500 tokens in {name}:", {dim: f"{error:.3g}" for dim, error in zip(LONG_DIMS, apart_by)})
print("attention:", len(os.listdir(DATA)), "arrays,", sum(os.path.getsize(os.path.join(DATA, f)) for f in os.listdir(DATA)), "bytes")
