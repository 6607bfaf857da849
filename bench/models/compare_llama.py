"""compare_llama.py BENCH MODEL...: tokens per second of bench_models_decoder (BENCH) and of llama.cpp on the same GGUF files, as
a Markdown table: 512 tokens read at once, then 128 written one by one, on 1 and 2 threads (--threads). The two take turns
(--turns, default 5), each in a process of its own, because a machine's memory has good and bad minutes; medians are
compared, the spread (least to most) stands beside them, and so does the memory bandwidth seen meanwhile.
Needs the PyPI packages llama-cpp-python (built for this machine) and numpy.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

PROMPT, ANSWER = 512, 128


def ours(bench, model, threads):
    """One turn of our program: {'prefill': tokens/s, 'decode': tokens/s, 'memory': GB/s}."""
    environment = dict(os.environ, TENON_MODEL=model, TENON_THREADS=str(threads), OMP_NUM_THREADS=str(threads))
    out = subprocess.run([bench, "--benchmark_format=json", "--benchmark_min_time=0.01"], env=environment, check=True, capture_output=True, text=True).stdout
    report = json.loads(out)
    rates = {line["name"].split("/")[0]: line["items/s"] for line in report["benchmarks"]}
    limits = next(text for key, text in report["context"].items() if key.startswith("limits of"))
    rates["memory"] = float(limits.split("memory ")[1].split()[0])
    return rates


def theirs(model, threads):
    """One turn of llama.cpp, in a process of its own."""
    out = subprocess.run([sys.executable, os.path.abspath(__file__), "--peer", model, str(threads)], check=True, capture_output=True, text=True).stdout
    return json.loads(out.splitlines()[-1])


def peer(path, threads):
    """Runs inside that process: a prompt to warm up, then the prompt and the answer that count."""
    import llama_cpp

    llama_cpp.llama_backend_init()
    silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
    llama_cpp.llama_log_set(silent, None)
    model = llama_cpp.llama_model_load_from_file(path.encode(), llama_cpp.llama_model_default_params())
    facts = llama_cpp.llama_context_default_params()
    facts.n_ctx, facts.n_batch, facts.n_ubatch = PROMPT + ANSWER, PROMPT, PROMPT
    facts.n_threads = facts.n_threads_batch = threads
    facts.flash_attn_type = 1
    context = llama_cpp.llama_init_from_model(model, facts)
    memory = llama_cpp.llama_get_memory(context)
    vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    tokens = [i * 7919 % vocabulary for i in range(PROMPT + ANSWER)]

    def read(part):
        batch = (llama_cpp.llama_token * len(part))(*part)
        if llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(batch, len(part))) != 0:
            raise RuntimeError("llama_decode failed")
        return llama_cpp.llama_get_logits_ith(context, -1)[0]

    read(tokens[:PROMPT])
    read(tokens[PROMPT : PROMPT + 1])
    llama_cpp.llama_memory_seq_rm(memory, -1, 0, -1)
    begin = time.perf_counter()
    read(tokens[:PROMPT])
    middle = time.perf_counter()
    for token in tokens[PROMPT:]:
        read([token])
    end = time.perf_counter()
    print(json.dumps({"prefill": PROMPT / (middle - begin), "decode": ANSWER / (end - middle)}))


def cell(values):
    return f"{statistics.median(values):.0f} ({min(values):.0f}-{max(values):.0f})"


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "--peer":
        return peer(sys.argv[2], int(sys.argv[3]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    print("tokens per second: median (least-most)\n")
    print("| model | threads | test | tenon | llama.cpp | ratio | memory, GB/s |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for model in options.models:
        for threads in options.threads:
            mine, peers = [], []
            for _ in range(options.turns):
                mine.append(ours(options.bench, model, threads))
                peers.append(theirs(model, threads))
            memory = cell([turn["memory"] for turn in mine])
            for test, tokens in (("prefill", PROMPT), ("decode", ANSWER)):
                a, b = [turn[test] for turn in mine], [turn[test] for turn in peers]
                name = os.path.basename(model).removesuffix(".gguf")
                print(f"| {name} | {threads} | {test} {tokens} | {cell(a)} | {cell(b)} | {statistics.median(a) / statistics.median(b):.2f} | {memory} |", flush=True)


if __name__ == "__main__":
    main()
