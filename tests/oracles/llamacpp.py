"""SmolLM2 in llama.cpp: argmax, gap and fingerprint of the logits on the same 2,000 tokens.

Prints how far it is from transformers. Writes tests/data/model/llama_cpp/."""
import os

import llama_cpp
import numpy as np

import common


def main():
    tokens = np.load(os.path.join(common.DATA, "smollm2", "text.npy"))
    fed = tokens[:-1].tolist()
    model = llama_cpp.Llama(common.real_model(), n_ctx=2048, n_batch=512, logits_all=True, n_threads=os.cpu_count(), n_threads_batch=os.cpu_count(), verbose=False)
    model.eval(fed)
    rows = np.array(model.scores[: len(fed)])
    common.fingerprint("llama_cpp", rows, tokens[1:])

    projection = np.load(os.path.join(common.DATA, "smollm2", "projection.npy")).astype(np.float64)
    apart = rows.astype(np.float64) @ common.signs(rows.shape[1]).T - projection
    norm = np.load(os.path.join(common.DATA, "smollm2", "norm.npy")).astype(np.float64)
    rms = np.sqrt((apart**2).mean() / rows.shape[1])
    gap, argmax = np.load(os.path.join(common.DATA, "smollm2", "gap.npy")), np.load(os.path.join(common.DATA, "smollm2", "argmax.npy"))
    equal = rows.argmax(1) == argmax
    print(f"llama.cpp {llama_cpp.__version__} against transformers: relative L2 {np.sqrt((apart**2).mean() / (norm**2).mean()):.2e}, RMS difference {rms:.4f}")
    print(f"argmax equal at {equal.mean():.2%} of positions, at {equal[gap > 4 * rms].mean():.2%} of the {np.sum(gap > 4 * rms)} whose best two are more than 4 RMS apart")


if __name__ == "__main__":
    main()
