"""Two tiny random models and their logits in transformers, fp64, for tests without a download.

Writes tests/data/model/tiny/: llama.gguf and llama/ (the same BF16 weights as GGUF and as a sharded safetensors folder), llama3.gguf
(the same in Q8_0, with Llama 3 frequency scaling), qwen2.gguf (every storage, mixed by tensor), and their logits on some prompts."""
import json
import os

import gguf
import numpy as np
import safetensors.torch
import torch
from gguf import GGMLQuantizationType as Q

import common
from smollm2 import tokenizer

OUT = os.path.join(common.DATA, "tiny")
LLAMA = dict(arch="llama", width=64, blocks=2, heads=2, kv=1, dim=64, hidden=96, theta=1e5, epsilon=1e-5, tied=True)
QWEN2 = dict(arch="qwen2", width=64, blocks=2, heads=2, kv=1, dim=128, hidden=256, theta=1e4, epsilon=1e-6, tied=False)
SCALING = dict(factor=8.0, low=1.0, high=4.0, original=32)
CONTEXT = 512
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = ["t h", "i n", "th e", "a n", "e r", "o n", "r e", "Ġ the", "Ġ a", "in g", "o u", "e n", "an d", "Ġ and", "s t", "o r", "i s", "i t", "e s",
          "a t", "Ġ is", "l l", "a l", "a r", "Ġ o", "Ġo f", "Ġ w", "Ġ s", "Ġ c"]
TEMPLATE = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
PROMPTS = [[65], list(range(3, 40)), [int(t) for t in np.random.default_rng(7).integers(0, 288, 96)]]
GENERATED = 32


def words():
    """A byte-level vocabulary of 288: three special tokens, the 256 bytes as GPT-2 writes them, 29 merges."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spelt = {b: chr(b) for b in plain}
    for i, b in enumerate(b for b in range(256) if b not in spelt):
        spelt[b] = chr(256 + i)
    return SPECIAL + [spelt[b] for b in range(256)] + [merge.replace(" ", "") for merge in MERGES]


def random_weights(m, seed):
    """fp32 tensors by GGUF name, rows as published. Scales keep the residual stream near 1 and the attention far from uniform."""
    rng = np.random.default_rng(seed)
    vocabulary = len(words())
    spread = 0.2 if m["tied"] else 1  # a large tied embedding would only repeat the last token
    t = {"token_embd.weight": spread * rng.standard_normal((vocabulary, m["width"])), "output_norm.weight": 1 + 0.2 * rng.standard_normal(m["width"])}
    if not m["tied"]:
        t["output.weight"] = rng.standard_normal((vocabulary, m["width"])) / 4

    def matrix(rows, columns, gain):
        return rng.standard_normal((rows, columns)) * gain / np.sqrt(columns)

    q, kv = m["heads"] * m["dim"], m["kv"] * m["dim"]
    for i in range(m["blocks"]):
        b = f"blk.{i}."
        t[b + "attn_norm.weight"] = 1 + 0.2 * rng.standard_normal(m["width"])
        t[b + "ffn_norm.weight"] = 1 + 0.2 * rng.standard_normal(m["width"])
        t[b + "attn_q.weight"], t[b + "attn_k.weight"] = matrix(q, m["width"], 1.5), matrix(kv, m["width"], 1.5)
        t[b + "attn_v.weight"], t[b + "attn_output.weight"] = matrix(kv, m["width"], 1), matrix(m["width"], q, 1)
        t[b + "ffn_gate.weight"], t[b + "ffn_up.weight"] = matrix(m["hidden"], m["width"], 1), matrix(m["hidden"], m["width"], 1)
        t[b + "ffn_down.weight"] = matrix(m["width"], m["hidden"], 1.5)
        if m["arch"] == "qwen2":
            for part, rows in (("q", q), ("k", kv), ("v", kv)):
                t[b + f"attn_{part}.bias"] = rng.standard_normal(rows)
    return {name: values.astype(np.float32) for name, values in t.items()}


def permuted(values, heads):
    """Rows from halves to interleaved pairs within each head, as GGUF llama files store q and k."""
    return values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def k_quant(values, kind, rng):
    """Blocks of Q4_K or Q6_K with random quanta and scales, of about the spread of `values`: gguf does not quantise to these."""
    rows, blocks = values.shape[0], values.shape[1] // 256
    spread = float(values.std())
    if kind == Q.Q4_K:
        out = np.zeros((rows, blocks, 144), np.uint8)
        scale = np.full((rows, blocks), spread / 4 / 32, np.float16)
        out[..., 0:2] = scale[..., None].view(np.uint8)
        out[..., 2:4] = (scale * np.float16(7.5)).astype(np.float16)[..., None].view(np.uint8)
        level = rng.integers(1, 64, (rows, blocks, 8), dtype=np.uint8)  # the same 6-bit number as scale and as minimum: centred values
        low, high = level[..., :4], level[..., 4:]
        out[..., 4:8] = out[..., 8:12] = low | ((high >> 4) << 6)
        out[..., 12:16] = (high & 15) | ((high & 15) << 4)
        out[..., 16:] = rng.integers(0, 256, (rows, blocks, 128), dtype=np.uint8)
    else:
        out = np.zeros((rows, blocks, 210), np.uint8)
        out[..., :192] = rng.integers(0, 256, (rows, blocks, 192), dtype=np.uint8)
        out[..., 192:208] = rng.integers(-60, 61, (rows, blocks, 16), dtype=np.int8).view(np.uint8)
        out[..., 208:210] = np.full((rows, blocks, 1), spread / 18 / 35, np.float16).view(np.uint8)
    return out.reshape(rows, -1)


def rope_factors(dim, theta):
    """What GGUF files of Llama 3 hold as rope_freqs.weight: each pair's frequency is divided by its factor."""
    plain = theta ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    return (plain / common.llama3_scaling(**SCALING)(plain)).to(torch.float32).numpy()


def write_gguf(path, m, tensors, kinds):
    """`kinds(name)` is the storage of each matrix; vectors are F32."""
    rng = np.random.default_rng(11)
    w = gguf.GGUFWriter(path, m["arch"])
    w.add_name("tiny random " + m["arch"])
    w.add_vocab_size(len(words())), w.add_context_length(CONTEXT), w.add_embedding_length(m["width"]), w.add_block_count(m["blocks"])
    w.add_feed_forward_length(m["hidden"]), w.add_head_count(m["heads"]), w.add_head_count_kv(m["kv"])
    w.add_key_length(m["dim"]), w.add_value_length(m["dim"]), w.add_rope_dimension_count(m["dim"])
    w.add_layer_norm_rms_eps(m["epsilon"]), w.add_rope_freq_base(m["theta"])
    w.add_tokenizer_model("gpt2"), w.add_tokenizer_pre("smollm" if m["arch"] == "llama" else "qwen2")
    w.add_token_list(words()), w.add_token_types([3] * len(SPECIAL) + [1] * (len(words()) - len(SPECIAL))), w.add_token_merges(MERGES)
    w.add_bos_token_id(1), w.add_eos_token_id(2), w.add_add_bos_token(False), w.add_add_space_prefix(False), w.add_chat_template(TEMPLATE)
    for name, values in tensors.items():
        if m["arch"] == "llama" and (".attn_q." in name or ".attn_k." in name):
            values = permuted(values, m["heads"] if ".attn_q." in name else m["kv"])
        kind = kinds(name) if values.ndim == 2 else Q.F32
        if kind == Q.F32:
            w.add_tensor(name, values)
        else:
            blocks = k_quant(values, kind, rng) if kind in (Q.Q4_K, Q.Q6_K) else gguf.quants.quantize(values, kind)
            w.add_tensor(name, blocks, raw_dtype=kind)
    w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()
    print(f"{os.path.relpath(path, OUT):20} {os.path.getsize(path)} bytes")


def write_folder(path, m, weights):
    """The checkpoint as its publishers would lay it out: config.json, tokenizer.json, two shards and their index."""
    os.makedirs(path, exist_ok=True)
    tensors = {common.published_name(n): torch.from_numpy(v).to(torch.bfloat16).contiguous() for n, v in weights.tensors.items()}
    names = sorted(tensors)
    shards = [names[: len(names) // 2], names[len(names) // 2 :]]
    index = {}
    for i, shard in enumerate(shards):
        file = f"model-{i + 1:05}-of-{len(shards):05}.safetensors"
        safetensors.torch.save_file({n: tensors[n] for n in shard}, os.path.join(path, file), metadata={"format": "pt"})
        index |= {n: file for n in shard}
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": m["width"], "num_hidden_layers": m["blocks"],
        "num_attention_heads": m["heads"], "num_key_value_heads": m["kv"], "head_dim": m["dim"], "intermediate_size": m["hidden"],
        "vocab_size": len(words()), "max_position_embeddings": CONTEXT, "rms_norm_eps": m["epsilon"], "rope_theta": m["theta"], "rope_scaling": None,
        "tie_word_embeddings": m["tied"], "attention_bias": False, "mlp_bias": False, "hidden_act": "silu", "torch_dtype": "bfloat16",
        "bos_token_id": 1, "eos_token_id": 2}
    total = sum(t.numel() * 2 for t in tensors.values())
    for name, content in (("config.json", config), ("model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": index})):
        with open(os.path.join(path, name), "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.write("\n")
    tokenizer(weights.facts).save(os.path.join(path, "tokenizer.json"))
    with open(os.path.join(path, "tokenizer_config.json"), "w", encoding="utf-8") as file:
        json.dump({"bos_token": SPECIAL[1], "eos_token": SPECIAL[2], "chat_template": TEMPLATE}, file, indent=1)
        file.write("\n")
    print(f"{os.path.relpath(path, OUT):20} {sum(os.path.getsize(os.path.join(path, f)) for f in os.listdir(path))} bytes")


def expected(name, model):
    for number, prompt in enumerate(PROMPTS):
        common.save(f"tiny/{name}_logits_{number}", common.logits(model, prompt).astype(np.float32))
    answer, gap = common.greedy(model, PROMPTS[1], GENERATED)
    common.save(f"tiny/{name}_answer_1", np.array(answer, np.int32))
    print(f"{name}: least gap of the greedy answer {gap:.4f}, {len(set(answer))} distinct tokens")


def mixed(name):
    """A storage for each role, so that one product of a block never meets the storage of the next."""
    table = {"attn_q": Q.Q8_0, "attn_k": Q.F16, "attn_v": Q.BF16, "attn_output": Q.Q6_K, "ffn_gate": Q.Q4_0, "ffn_up": Q.Q4_1, "ffn_down": Q.Q4_K}
    for part, kind in table.items():
        if part in name:
            return kind
    return Q.Q8_0 if name == "token_embd.weight" else Q.F32


def main():
    os.makedirs(OUT, exist_ok=True)
    for number, prompt in enumerate(PROMPTS):
        common.save(f"tiny/prompt_{number}", np.array(prompt, np.int32))
    path = os.path.join(OUT, "llama.gguf")
    rounded = {name: torch.from_numpy(values).to(torch.bfloat16).to(torch.float32).numpy() for name, values in random_weights(LLAMA, 1).items()}
    write_gguf(path, LLAMA, rounded, lambda name: Q.BF16)
    llama = common.Weights(path)
    write_folder(os.path.join(OUT, "llama"), LLAMA, llama)
    expected("llama", common.assemble(llama, torch.float64))

    path = os.path.join(OUT, "llama3.gguf")
    write_gguf(path, LLAMA, rounded | {"rope_freqs.weight": rope_factors(LLAMA["dim"], LLAMA["theta"])}, lambda name: Q.Q8_0)
    llama3 = common.Weights(path)
    exact = common.assemble(llama3, torch.float64, common.llama3_scaling(**SCALING))
    theirs = common.assemble(llama3, torch.float32, rope={
        "rope_type": "llama3", "factor": SCALING["factor"], "low_freq_factor": SCALING["low"], "high_freq_factor": SCALING["high"],
        "original_max_position_embeddings": SCALING["original"]})
    apart = common.logits(theirs, PROMPTS[2]) - common.logits(exact, PROMPTS[2])
    assert np.linalg.norm(apart) < 1e-5 * np.linalg.norm(common.logits(exact, PROMPTS[2])), "the scaling formula differs from transformers"
    expected("llama3", exact)

    path = os.path.join(OUT, "qwen2.gguf")
    write_gguf(path, QWEN2, random_weights(QWEN2, 2), mixed)
    expected("qwen2", common.assemble(common.Weights(path), torch.float64))


if __name__ == "__main__":
    main()
