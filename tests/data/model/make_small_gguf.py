"""make_small_gguf.py DIR: writes small.gguf, small.f32 and quantized.bin, which tests/model/{gguf,writers}.cpp read.

Every tensor type that tenon reads, as the PyPI package gguf 0.19 writes it, and what that package says the values are
(float32, tensor after tensor, in the order of the file). Blocks are random bits with scales of a sane size.
"""
import sys
import numpy as np
import gguf
from gguf import GGMLQuantizationType as Q

out = sys.argv[1] if len(sys.argv) > 1 else "."
rng = np.random.default_rng(7)
w = gguf.GGUFWriter(f"{out}/small.gguf", "llama")
w.add_block_count(1); w.add_embedding_length(256); w.add_head_count(2); w.add_head_count_kv(1); w.add_layer_norm_rms_eps(1e-5); w.add_rope_freq_base(1e5)
w.add_uint8("test.u8", 200); w.add_int8("test.i8", -100); w.add_uint16("test.u16", 60000); w.add_int16("test.i16", -30000)
w.add_uint32("test.u32", 4000000000); w.add_int32("test.i32", -2000000000); w.add_uint64("test.u64", 1 << 62); w.add_int64("test.i64", -(1 << 62))
w.add_uint64("test.huge", (1 << 64) - 1); w.add_float32("test.f32", 0.1); w.add_float64("test.f64", 0.1); w.add_bool("test.yes", True); w.add_bool("test.no", False)
w.add_string("test.text", "Zapfen und Schlitz: \u0442\u0435\u0441\u0442 \u6e2c\u8a66 \U0001f528")
w.add_array("test.texts", ["a", "\u0120b", "", "\u6728"]); w.add_array("test.integers", [1, -2, 3]); w.add_array("test.reals", [0.5, -1.25]); w.add_array("test.flags", [True, False, True])
expected = []
d = lambda n: (rng.standard_normal(n) * 0.01).astype(np.float16).view(np.uint8).reshape(n, 2)
bits = lambda n, size: rng.integers(0, 256, (n, size), dtype=np.uint8)

def add(name, shape, kind, raw):
    raw = raw.reshape(*shape[:-1], -1)
    w.add_tensor(name, raw, raw_shape=raw.shape, raw_dtype=kind)
    expected.append(gguf.quants.dequantize(raw, kind).astype(np.float32).ravel())

def plain(name, shape, kind):
    raw = gguf.quants.quantize(rng.standard_normal(shape, dtype=np.float32), kind)
    w.add_tensor(name, raw, raw_dtype=kind)
    expected.append(gguf.quants.dequantize(raw, kind).astype(np.float32).ravel())

plain("vector.f32", (256,), Q.F32)
plain("matrix.f32", (3, 5), Q.F32)
plain("matrix.f16", (3, 5), Q.F16)
plain("matrix.bf16", (3, 5), Q.BF16)
plain("cube.f32", (2, 3, 4), Q.F32)
add("matrix.q8_0", (3, 64), Q.Q8_0, np.concatenate([d(6), bits(6, 32)], 1))
add("matrix.q4_0", (3, 64), Q.Q4_0, np.concatenate([d(6), bits(6, 16)], 1))
add("matrix.q4_1", (3, 64), Q.Q4_1, np.concatenate([d(6), d(6), bits(6, 16)], 1))
add("matrix.q4_k", (2, 256), Q.Q4_K, np.concatenate([d(2), d(2), bits(2, 140)], 1))
add("matrix.q6_k", (2, 256), Q.Q6_K, np.concatenate([bits(2, 208), d(2)], 1))
plain("blk.0.attn_q.weight", (256, 8), Q.F32)
plain("blk.0.attn_k.weight", (128, 8), Q.F32)
plain("blk.0.attn_v.weight", (128, 8), Q.F32)
w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
np.concatenate(expected).tofile(f"{out}/small.f32")

# Floats and their blocks: 64 of each kind, after a block of zeros and blocks of one repeated value.
x = (rng.standard_normal((64, 32)) * np.exp(2 * rng.standard_normal((64, 1)))).astype(np.float32)
x[0], x[1], x[2] = 0, 5, -3
with open(f"{out}/quantized.bin", "wb") as f:
    f.write(x.tobytes())
    for kind in (Q.Q8_0, Q.Q4_0, Q.Q4_1):
        f.write(gguf.quants.quantize(x, kind).tobytes())
