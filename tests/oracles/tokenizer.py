"""Expected values of the tokenizer tests, from the `tokenizers` library.

Trains a tiny byte-level BPE in each style of tenon, writes its tokenizer.json, and the tokens it gives to every sample text:
  tests/data/text/samples.bin     texts, each as a length (u32, little-endian) and its bytes
  tests/data/text/<style>.json    tokenizer.json
  tests/data/text/<style>.ids     per sample: count (u32) and tokens (u32), first with control tokens as text, then parsed
  tests/data/text/smollm2.ids     the same for SmolLM2: the vocabulary and merges of its GGUF, the published pipeline

  python tests/oracles/tokenizer.py            writes the files (needs tokenizers, gguf and SmolLM2)
  python tests/oracles/tokenizer.py --sweep P  compares the program P (see sweep()) with the library on every character of Unicode
"""

import os
import random
import struct
import subprocess
import sys
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

DATA = Path(__file__).resolve().parent.parent / "data" / "text"
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
WORDS = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|"


def split(pattern):
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=False),
        ]
    )


# The published pipelines: pre-tokeniser, normaliser, ignore_merges, control tokens.
STYLES = {
    "gpt2": (lambda: pre_tokenizers.ByteLevel(add_prefix_space=False), None, False, ["<|endoftext|>"]),
    "llama3": (lambda: split(WORDS + r"\p{N}{1,3}" + REST), None, True, ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]),
    "qwen2": (lambda: split(WORDS + r"\p{N}" + REST), normalizers.NFC(), False, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]),
    "smollm": (
        lambda: pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]),
        None,
        False,
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
    ),
}

SCRIPTS = {
    "latin": "The quick brown fox can't jump; it's the dog who'll've JUMP'D, THEY'RE sure. Straße, naïve café — œuvre, Łódź, İstanbul. ",
    "greek": "Ὁ βίος βραχύς, ἡ δὲ τέχνη μακρή· ο καιρός οξύς. Ελληνικά 2024! ",
    "cyrillic": "Съешь же ещё этих мягких французских булок, да выпей чаю. Ґанок їжака № 7. ",
    "arabic": "صِف خَلقَ خَودِ كَمِثلِ الشَمسِ إِذ بَزَغَت ١٢٣٤٥ يَحظى الضَجيعُ بِها. ",
    "hebrew": "דג סקרן שט בים מאוכזב ולפתע מצא לו חברה, שָׁלוֹם עולם 18. ",
    "devanagari": "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश। १२३ क्षत्रिय ",
    "thai": "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน ๑๒๓ ",
    "han": "天地玄黃,宇宙洪荒。日月盈昃,辰宿列張。三百六十五天,2025年。 ",
    "japanese": "いろはにほへと ちりぬるを、ガギグゲゴ カタカナ、今日は良い天気です。「123」",
    "korean": "키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다. ㄱㄴㄷ ",
    "georgian": "სწრაფი ყავისფერი მელა ახტება ზარმაც ძაღლს. ",
    "tamil": "யாமறிந்த மொழிகளிலே தமிழ்மொழி போல் இனிதாவது எங்கும் காணோம். ௧௨௩ ",
}

CODE = '''#include <vector>
template <class T>\n  requires std::integral<T>\nauto sum(const std::vector<T>& v) {\n\tT s{};\n\tfor (auto x : v) s += x;  // 0x1F, 1e-5, 3.14159
\treturn s;\n}\r\n\r\ndef f(x):\n    return {"a": [1, 22, 333, 4444], 'b': x**2}  \n\n\n        # deep\n'''

EMOJI = "👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇯🇵 1️⃣ ☺️ 🤦🏼‍♂️ x👾y 🫠"


def sample_texts():
    rng = random.Random(20)
    out = [b"", b" ", b"\n", b"a", b"Hello world"]
    out += [text.encode() for text in SCRIPTS.values()]
    out += [CODE.encode(), EMOJI.encode(), (" " * 200).encode(), ("\n" * 70).encode(), (" \n\t \r\n" * 30).encode()]
    out += [("x" + " " * n + "y" + "\n" * n + "z" + "\t" * n).encode() for n in (1, 2, 3, 7)]
    out += ["I'm you're he'LL it'S we'd they've DON'T 'tis 'S 'ſ o'clock 's't're".encode()]
    out += ["1 12 123 1234 12345 3.14 1,000,000 ²³ ½ Ⅷ ٣ ๓ x1y22z333 007 1a2b".encode()]
    out += ["".join(map(chr, range(0, 0x180))).encode()]
    # Composed and decomposed forms: what normalisation changes.
    out += ["é e\u0301 Å A\u030a \u212b ﬁ 한글 \u1112\u1161\u11ab q\u0323\u0307 q\u0307\u0323 \u0344 \u0958 >\u0338 \U0001d15e".encode()]
    # White space of every kind, and what only looks like it.
    out += ["".join("a" + chr(c) + "b" + chr(c) * 2 + "c" for c in (0x09, 0x0B, 0x1C, 0x1F, 0x85, 0xA0, 0x1680, 0x180E, 0x2003, 0x200B, 0x2028, 0x202F, 0x3000, 0xFEFF)).encode()]
    # Control tokens, whole, cut short and nested.
    out += [b"<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n", b"<|<|im_end|>|> <|im_end|", b"a<|eot_id|><|endoftext|> b <|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nhi"]
    out += [b"<think>\nhm</think> <tool_call> <think", "<|im_end|>\u0338 e<think>\u0301".encode()]
    # Random text: characters of all planes, runs of few letters (deep merges), and mixtures.
    scripts = "".join(SCRIPTS.values()) + CODE + EMOJI
    for n in (20, 200, 1500):
        out.append("".join(rng.choice(scripts) for _ in range(n)).encode())
        out.append("".join(chr(c) for c in (rng.randrange(0x110000) for _ in range(n)) if not 0xD800 <= c < 0xE000).encode())
        out.append("".join(rng.choice("ab \n") for _ in range(n)).encode())
        out.append("".join(rng.choice("tehinso") for _ in range(n)).encode())
        out.append("".join(chr(rng.randrange(256)) for _ in range(n)).encode())
    out += [("a" * 3000).encode(), ("abc" * 1000).encode(), ("的" * 500).encode()]
    return out


def train(style):
    pre, normalizer, ignore_merges, controls = STYLES[style]
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre()
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=900, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False, special_tokens=controls if style == "smollm" else [])
    corpus = list(SCRIPTS.values()) * 2 + [CODE] * 3 + [EMOJI, "aaaa aaa aa a abab ababab abcabc " * 4]
    tokenizer.train_from_iterator(corpus, trainer)
    if style != "smollm":  # published: SmolLM's control tokens come first, the others' last
        tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in controls])
    tokenizer.add_tokens([AddedToken("<think>", special=False, normalized=style == "qwen2"), AddedToken("</think>", special=False, normalized=False)])
    return tokenizer


def smollm2(path):
    """The tokenizer of a SmolLM2 GGUF, in the library."""
    from gguf import GGUFReader

    fields = GGUFReader(path).fields
    pieces, merges, kinds = (fields["tokenizer.ggml." + name].contents() for name in ("tokens", "merges", "token_type"))
    tokenizer = Tokenizer(models.BPE(vocab={piece: i for i, piece in enumerate(pieces)}, merges=[tuple(merge.split(" ")) for merge in merges]))
    tokenizer.pre_tokenizer = STYLES["smollm"][0]()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(piece, special=True, normalized=False) for piece, kind in zip(pieces, kinds) if kind == 3])
    return tokenizer


def tokens_of(tokenizer, texts):
    """Both readings of every text, as the bytes of an .ids file."""
    out = bytearray()
    for text in texts:
        for as_text in (True, False):
            tokenizer.encode_special_tokens = as_text
            ids = tokenizer.encode(text.decode(), add_special_tokens=False).ids
            out += struct.pack(f"<I{len(ids)}I", len(ids), *ids)
    return bytes(out)


def sweep(program):
    """Every character among neighbours, through `program tokenizer.json text-file`, which prints a token a line. Prints those that differ."""
    forms = ["a{0}b", " {0}1", "'{0} x", "{0}{0} .{0}\n", "A\u0301{0}e{0}"]
    scratch = Path(os.environ.get("TMPDIR", "/tmp")) / "tenon_sweep.txt"
    for style in STYLES:
        tokenizer = Tokenizer.from_file(str(DATA / f"{style}.json"))
        tokenizer.encode_special_tokens = True

        def different(characters):
            text = "".join(form.format(c) + "\n" for c in characters for form in forms)
            scratch.write_bytes(text.encode())
            ours = subprocess.run([program, DATA / f"{style}.json", scratch], capture_output=True, check=True).stdout
            if list(map(int, ours.split())) == tokenizer.encode(text, add_special_tokens=False).ids:
                return []
            if len(characters) == 1:
                return characters
            half = len(characters) // 2
            return different(characters[:half]) + different(characters[half:])

        found = different([chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000])
        print(style, len(found), "characters differ:", " ".join(f"{ord(c):04X}" for c in found))


def main():
    if sys.argv[1:2] == ["--sweep"]:
        return sweep(sys.argv[2])
    DATA.mkdir(parents=True, exist_ok=True)
    texts = sample_texts()
    (DATA / "samples.bin").write_bytes(b"".join(struct.pack("<I", len(text)) + text for text in texts))
    for style in STYLES:
        path = DATA / f"{style}.json"
        train(style).save(str(path), pretty=False)
        tokenizer = Tokenizer.from_file(str(path))
        (DATA / f"{style}.ids").write_bytes(tokens_of(tokenizer, texts))
    from common import real_model

    (DATA / "smollm2.ids").write_bytes(tokens_of(smollm2(real_model()), texts))


if __name__ == "__main__":
    main()
