"""random_qwen.py FILE KIND: a GGUF of the shape of R1-Distill-Qwen-1.5B cut to 8 blocks and 32,000 tokens, with random weights
(KIND: F32, BF16, Q8_0, Q4_0). Speed does not depend on what the weights are. Needs the PyPI packages gguf and numpy."""
import sys

import gguf
import numpy as np

WIDTH, BLOCKS, HIDDEN, HEADS, KV_HEADS, DIM, VOCABULARY = 1536, 8, 8960, 12, 2, 128, 32000


def write(path, kind):
    random = np.random.default_rng(0)
    storage = gguf.GGMLQuantizationType[kind]
    out = gguf.GGUFWriter(path, "qwen2")
    out.add_vocab_size(VOCABULARY)
    out.add_context_length(131072)
    out.add_embedding_length(WIDTH)
    out.add_block_count(BLOCKS)
    out.add_feed_forward_length(HIDDEN)
    out.add_head_count(HEADS)
    out.add_head_count_kv(KV_HEADS)
    out.add_layer_norm_rms_eps(1e-6)
    out.add_rope_freq_base(10000.0)
    out.add_tokenizer_model("no_vocab")

    def matrix(name, rows, columns):
        values = random.standard_normal((rows, columns), dtype=np.float32) * np.float32(0.02)
        if storage == gguf.GGMLQuantizationType.F32:
            out.add_tensor(name, values)
        else:
            out.add_tensor(name, gguf.quants.quantize(values, storage), raw_dtype=storage)

    def vector(name, values):
        out.add_tensor(name, values.astype(np.float32))

    matrix("token_embd.weight", VOCABULARY, WIDTH)
    matrix("output.weight", VOCABULARY, WIDTH)
    vector("output_norm.weight", np.ones(WIDTH))
    for i in range(BLOCKS):
        block = f"blk.{i}."
        vector(block + "attn_norm.weight", np.ones(WIDTH))
        vector(block + "ffn_norm.weight", np.ones(WIDTH))
        for name, rows in (("q", HEADS * DIM), ("k", KV_HEADS * DIM), ("v", KV_HEADS * DIM)):
            matrix(block + f"attn_{name}.weight", rows, WIDTH)
            vector(block + f"attn_{name}.bias", random.standard_normal(rows) * 0.02)
        matrix(block + "attn_output.weight", WIDTH, HEADS * DIM)
        matrix(block + "ffn_gate.weight", HIDDEN, WIDTH)
        matrix(block + "ffn_up.weight", HIDDEN, WIDTH)
        matrix(block + "ffn_down.weight", WIDTH, HIDDEN)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    write(sys.argv[1], sys.argv[2])
