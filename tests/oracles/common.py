"""What the oracles share: weights out of a GGUF file as numbers, transformers models made of exactly these numbers,
random projections of logits, and files that a C++ test reads."""
import os
import sys

import gguf
import numpy as np
import torch
import transformers

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(os.path.dirname(HERE), "data", "model")
PROJECTIONS = 16

transformers.logging.set_verbosity_error()


def real_model():
    """The path of SmolLM2-135M-Instruct in Q4_1: TENON_MODEL, else what examples/run.sh downloaded."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    path = os.environ.get("TENON_MODEL") or os.path.join(cache, "tenon", "SmolLM2-135M-Instruct.Q4_1.gguf")
    if not os.path.isfile(path):
        sys.exit(f"no model at {path}. Fix: run 'sh examples/run.sh' once, or set TENON_MODEL.")
    return path


def save(name, array):
    """Writes tests/data/model/<name>.npy: little-endian, C order."""
    path = os.path.join(DATA, name + ".npy")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    array = np.ascontiguousarray(array)
    np.save(path, array)
    print(f"{os.path.relpath(path, DATA):45} {str(array.dtype):8} {str(array.shape):16} {os.path.getsize(path):8} bytes")


class Weights:
    """A GGUF file: `facts` are its metadata, `tensors` its weights in fp32 under their GGUF names, rows as published."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        self.facts = {key: field.contents() for key, field in reader.fields.items()}
        self.arch = self.facts["general.architecture"]
        self.tensors = {}
        for t in reader.tensors:
            shape = [int(n) for n in reversed(t.shape)]
            values = gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float32).reshape(shape)
            if self.arch == "llama" and (".attn_q." in t.name or ".attn_k." in t.name):
                heads = self.fact("attention.head_count" if ".attn_q." in t.name else "attention.head_count_kv")
                dim = shape[0] // heads
                values = values.reshape(heads, dim // 2, 2, *shape[1:]).swapaxes(1, 2).reshape(shape)
            self.tensors[t.name] = values

    def fact(self, key):
        return self.facts[f"{self.arch}.{key}"]


class ExactRotary(torch.nn.Module):
    """Rotary tables in fp64: transformers computes its own in fp32 whatever the type of the model. `scaling` maps the
    fp64 frequencies to those used."""

    def __init__(self, dim, theta, scaling=lambda f: f):
        super().__init__()
        self.frequency = scaling(theta ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim))

    def forward(self, x, position_ids):
        angle = position_ids[..., None].to(torch.float64) * self.frequency
        angle = torch.cat((angle, angle), -1)
        return angle.cos().to(x.dtype), angle.sin().to(x.dtype)


def llama3_scaling(factor, low, high, original):
    """The frequency scaling of Llama 3.1, in the formula of its published code."""

    def scale(frequency):
        wavelength = 2 * torch.pi / frequency
        t = ((original / wavelength - low) / (high - low)).clamp(0, 1)
        return (1 - t) * frequency / factor + t * frequency

    return scale


NAMES = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}


def published_name(name):
    """The name in the published checkpoint of a tensor of a GGUF file."""
    if name.startswith("blk."):
        _, block, part, kind = name.split(".")
        return f"model.layers.{block}.{NAMES[part]}.{kind}"
    return {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight", "output.weight": "lm_head.weight"}[name]


def assemble(weights, dtype, scaling=None, rope=None):
    """A transformers model of these weights. fp64 models get exact rotary tables; fp32 ones keep those of transformers."""
    theta = float(np.float32(weights.fact("rope.freq_base")))
    width, heads = weights.fact("embedding_length"), weights.fact("attention.head_count")
    dim = weights.tensors["blk.0.attn_q.weight"].shape[0] // heads
    shape = dict(
        hidden_size=width, num_hidden_layers=weights.fact("block_count"), num_attention_heads=heads,
        num_key_value_heads=weights.fact("attention.head_count_kv"), head_dim=dim, intermediate_size=weights.fact("feed_forward_length"),
        vocab_size=weights.tensors["token_embd.weight"].shape[0], max_position_embeddings=weights.fact("context_length"),
        rms_norm_eps=float(weights.fact("attention.layer_norm_rms_epsilon")), tie_word_embeddings="output.weight" not in weights.tensors,
        rope_parameters={"rope_type": "default", "rope_theta": theta} | (rope or {}), attn_implementation="eager")
    if weights.arch == "llama":
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**shape, attention_bias=False, mlp_bias=False))
    elif weights.arch == "qwen2":
        model = transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**shape))
    else:
        sys.exit(f"no oracle for architecture '{weights.arch}'")
    state = {published_name(name): torch.from_numpy(values) for name, values in weights.tensors.items() if name != "rope_freqs.weight"}
    if shape["tie_word_embeddings"]:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model.load_state_dict(state, strict=True)
    model = model.to(dtype).eval()
    if dtype == torch.float64:
        model.model.rotary_emb = ExactRotary(dim, theta, scaling or (lambda f: f))
    return model


@torch.no_grad()
def logits(model, tokens):
    """[token, vocabulary] in the model's own type: teacher-forced, one block."""
    return model(torch.tensor([list(tokens)]), use_cache=False).logits[0].numpy()


@torch.no_grad()
def greedy(model, prompt, count):
    """`count` greedy tokens after `prompt` and the least gap between the best two logits on the way."""
    tokens, fed, cache, out, least = list(prompt), 0, None, [], np.inf
    for _ in range(count):
        answer = model(torch.tensor([tokens[fed:]]), past_key_values=cache, use_cache=True)
        fed, cache = len(tokens), answer.past_key_values
        row = answer.logits[0, -1]
        best = torch.topk(row, 2)
        least = min(least, float(best.values[0] - best.values[1]))
        out.append(int(row.argmax()))
        tokens.append(out[-1])
    return out, least


def signs(vocabulary):
    """[PROJECTIONS, vocabulary] of +-1: bit k of splitmix64(v) is the sign of entry v in vector k (set: minus)."""
    with np.errstate(over="ignore"):
        z = (np.arange(vocabulary, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return np.stack([1.0 - 2.0 * ((z >> np.uint64(k)) & np.uint64(1)).astype(np.float64) for k in range(PROJECTIONS)])


def fingerprint(folder, rows, following):
    """Saves what is known of teacher-forced logits [token, vocabulary]: argmax, the gap of the best two, the log-probability of the
    token that follows, the norm, and the projections: the mean square of a difference's projections estimates its square norm."""
    rows = rows.astype(np.float64)
    best = np.sort(np.partition(rows, -2, axis=1)[:, -2:], axis=1)
    top = rows.max(1)
    log_sum = top + np.log(np.exp(rows - top[:, None]).sum(1))
    log_probability = rows[np.arange(len(rows)), following] - log_sum
    save(f"{folder}/argmax", rows.argmax(1).astype(np.int32))
    save(f"{folder}/gap", (best[:, 1] - best[:, 0]).astype(np.float32))
    save(f"{folder}/log_probability", log_probability.astype(np.float32))
    save(f"{folder}/norm", np.linalg.norm(rows, axis=1).astype(np.float32))
    save(f"{folder}/projection", (rows @ signs(rows.shape[1]).T).astype(np.float32))
    print(f"perplexity {np.exp(-log_probability.mean()):.6f}")
