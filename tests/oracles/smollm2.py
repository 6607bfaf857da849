"""SmolLM2 in transformers, fp32: greedy tokens after some prompts, fingerprint of the logits on 2,000 tokens.

The weights are those of the GGUF file, dequantised. Writes tests/data/model/smollm2/."""
import contextlib
import os

import numpy as np
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

import common

COUNT, GENERATED = 2000, 64
PROMPTS = [
    ("chat", "Why is the sky blue?"),
    ("chat", "Write a short poem about a carpenter."),
    ("chat", "List three prime numbers larger than ten."),
    ("raw", "The capital of France is"),
    ("raw", "def fibonacci(n):\n"),
]


def tokenizer(facts):
    """The `tokenizers` object that a SmolLM2 file describes."""
    words, kinds = facts["tokenizer.ggml.tokens"], facts["tokenizer.ggml.token_type"]
    merges = [tuple(merge.split(" ")) for merge in facts["tokenizer.ggml.merges"]]
    out = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(words)}, merges=merges))
    out.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    out.decoder = decoders.ByteLevel()
    out.add_special_tokens([AddedToken(word, normalized=False) for word, kind in zip(words, kinds) if kind == 3])
    return out


def chat(question):
    system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
    return f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


def text_tokens(words):
    """The first 2,001 tokens of text.txt: 2,000 are fed, each predicts the next."""
    with open(os.path.join(common.DATA, "text.txt"), encoding="utf-8") as file:
        return np.array(words.encode(file.read()).ids[: COUNT + 1], np.int32)


@contextlib.contextmanager
def rounded_inputs(model, size):
    """What 8-bit activations cost, whoever computes: every product's input is x = scale q, scale = amax / 127 per `size` values."""

    def hook(_, inputs):
        x = inputs[0].unflatten(-1, (-1, size))
        scale = x.abs().amax(-1, keepdim=True).clamp(min=1e-30) / 127
        return ((x / scale).round() * scale).flatten(-2)

    hooks = [part.register_forward_pre_hook(hook) for part in model.modules() if isinstance(part, torch.nn.Linear)]
    yield
    for each in hooks:
        each.remove()


def main():
    weights = common.Weights(common.real_model())
    words = tokenizer(weights.facts)
    model = common.assemble(weights, torch.float32)

    for number, (kind, prompt) in enumerate(PROMPTS):
        tokens = words.encode(chat(prompt) if kind == "chat" else prompt).ids
        answer, gap = common.greedy(model, tokens, GENERATED)
        common.save(f"smollm2/prompt_{number}", np.array(tokens, np.int32))
        common.save(f"smollm2/answer_{number}", np.array(answer, np.int32))
        print(f"least gap {gap:.4f}: {words.decode(answer)!r}")

    tokens = text_tokens(words)
    common.save("smollm2/text", tokens)
    rows = common.logits(model, tokens[:COUNT])
    common.fingerprint("smollm2", rows, tokens[1:])

    for size in (32, 16):
        with rounded_inputs(model, size):
            distance = common.logits(model, tokens[:COUNT])
        equal = (distance.argmax(1) == rows.argmax(1)).mean()
        print(f"inputs of products rounded to int8 per {size} values, relative L2: {np.linalg.norm(distance - rows) / np.linalg.norm(rows):.2e}, argmax equal {equal:.2%}")

    exact = common.logits(common.assemble(weights, torch.float64), tokens[:COUNT])
    distance = np.linalg.norm(rows - exact, axis=1) / np.linalg.norm(exact, axis=1)
    print(f"transformers fp32 against fp64, relative L2: {np.linalg.norm(rows - exact) / np.linalg.norm(exact):.2e}, worst row {distance.max():.2e}")
    print(f"argmax equal: {(rows.argmax(1) == exact.argmax(1)).mean():.4%}")


if __name__ == "__main__":
    main()
