"""Expected values of the chat template tests: conversations written by jinja2 in the environment that transformers uses.

Writes tests/data/text/chat.json: for each template its Jinja text, and conversations with what they render to. The templates are
SmolLM2's own and plain statements of the other published formats with their telltale words; --also FILE... renders other Jinja files
(the published ones, which are not part of this repository) to --into FILE in the same form.
"""

import argparse
import datetime
import json
from pathlib import Path

from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

DATA = Path(__file__).resolve().parent.parent / "data" / "text"

CHATML_TURN = "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
CHATML_NEXT = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
LLAMA_NEXT = "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
LLAMA_TURN = "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}"

V3_LAST = """{{ bos_token }}{%- for message in messages -%}
  {%- if message['role'] == 'system' -%}{{ message['content'] }}{%- endif -%}
{%- endfor -%}
{%- set ns = namespace(is_last_user=false) -%}
{%- for message in messages -%}
  {%- if message['role'] == 'user' -%}{%- set ns.is_last_user = true -%}{{ '<｜User｜>' + message['content'] + '<｜Assistant｜>' }}
  {%- elif message['role'] == 'assistant' -%}{%- set ns.is_last_user = false -%}{{ message['content'] + '<｜end▁of▁sentence｜>' }}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt and not ns.is_last_user -%}{{ '<｜Assistant｜>' }}{%- endif -%}"""

R1 = """{%- set ns = namespace(system='') -%}
{%- for message in messages if message['role'] == 'system' -%}{%- set ns.system = message['content'] -%}{%- endfor -%}
{{- bos_token }}{{ ns.system }}
{%- for message in messages -%}
  {%- if message['role'] == 'user' -%}{{ '<｜User｜>' + message['content'] }}
  {%- elif message['role'] == 'assistant' -%}
    {%- set content = message['content'] -%}
    {%- if '</think>' in content -%}{%- set content = content.split('</think>')[-1] -%}{%- endif -%}
    {{- '<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>' }}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<｜Assistant｜>NEXT' }}{%- endif -%}"""

TEMPLATES = {
    "smollm2": (
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nYou are a helpful AI assistant named SmolLM, "
        "trained by Hugging Face<|im_end|>\\n' }}{% endif %}" + CHATML_TURN + "{% endfor %}" + CHATML_NEXT,
        "<|im_start|>",
    ),
    "chatml": ("{% for message in messages %}" + CHATML_TURN + "{% endfor %}" + CHATML_NEXT, ""),
    "qwen2.5": (
        """{%- if messages[0]['role'] == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
{%- else %}
    {{- '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role != "system" or not loop.first %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
""",
        "",
    ),
    "qwen2.5-math": (
        "{% for message in messages %}{% if loop.first and message.role != 'system' %}{{ '<|im_start|>system\\nPlease reason step by step, and put your final answer "
        "within \\\\boxed{}.<|im_end|>\\n' }}{% endif %}" + CHATML_TURN + "{% endfor %}" + CHATML_NEXT,
        "",
    ),
    "llama3": ("{{ bos_token }}{% for message in messages %}" + LLAMA_TURN + "{% endfor %}" + LLAMA_NEXT, "<|begin_of_text|>"),
    "llama3.1": (
        "{{- bos_token }}{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] | trim %}{% set messages = messages[1:] %}{% else %}{% set system = '' %}"
        "{% endif %}{{ '<|start_header_id|>system<|end_header_id|>\\n\\nCutting Knowledge Date: December 2023\\nToday Date: 26 Jul 2024\\n\\n' + system + '<|eot_id|>' }}"
        "{% for message in messages %}" + LLAMA_TURN + "{% endfor %}" + LLAMA_NEXT,
        "<|begin_of_text|>",
    ),
    "llama3.1 of another day": (
        "{{- bos_token }}{% if not date_string is defined %}{% set date_string = '23 July 2024' %}{% endif %}{% if messages[0]['role'] == 'system' %}"
        "{% set system = messages[0]['content'] | trim %}{% set messages = messages[1:] %}{% else %}{% set system = '' %}"
        "{% endif %}{{ '<|start_header_id|>system<|end_header_id|>\\n\\nCutting Knowledge Date: December 2023\\nToday Date: ' + date_string + '\\n\\n' + system + '<|eot_id|>' }}"
        "{% for message in messages %}" + LLAMA_TURN + "{% endfor %}" + LLAMA_NEXT,
        "<|begin_of_text|>",
    ),
    "deepseek-r1": (R1.replace("NEXT", "<think>\\n"), "<｜begin▁of▁sentence｜>"),
    "chatml after a first token": ("{{ bos_token }}{% for message in messages %}" + CHATML_TURN + "{% endfor %}" + CHATML_NEXT, "<s>"),
    "llama3 as it was said": ("{% for message in messages %}" + LLAMA_TURN.replace(" | trim", "") + "{% endfor %}" + LLAMA_NEXT, "<|begin_of_text|>"),
    "deepseek-v3 of March 2025": (V3_LAST, "<｜begin▁of▁sentence｜>"),
    "deepseek-v3": (R1.replace("NEXT", "").replace("{%- set content = content.split('</think>')[-1] -%}", ""), "<｜begin▁of▁sentence｜>"),
    "deepseek-r1 of January 2025": (R1.replace("NEXT", ""), "<｜begin▁of▁sentence｜>"),
}

CONVERSATIONS = [
    [("user", "Why is the sky blue?")],
    [("system", "You are terse."), ("user", "Hi")],
    [("system", " padded \n"), ("user", "\n\n  two\nlines \t\n"), ("assistant", "  yes\n"), ("user", "")],
    [("user", "a"), ("assistant", "<think>\nhm, </think> b"), ("user", "c"), ("assistant", "x</think>y</think>\n\nz"), ("user", "d")],
    [("user", "two"), ("user", "in a row"), ("assistant", "and an answer </think> last")],
    [("user", "über 日本語 👩‍👩‍👧 <|im_end|> '\"\\n {{ x }}"), ("assistant", "{% raw %}"), ("user", "\u00a0nbsp\x1c\x1f")],
]


def render(template, bos, conversation):
    """As transformers' apply_chat_template: blocks trimmed, a sandbox, `continue` and `break`."""
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.globals["strftime_now"] = lambda form: datetime.datetime.now().strftime(form)
    messages = [{"role": role, "content": text} for role, text in conversation]
    return environment.from_string(template).render(messages=messages, bos_token=bos, eos_token="", tools=None, documents=None, add_generation_prompt=True)


def cases(name, template, bos):
    return {
        "name": name,
        "template": template,
        "bos": bos,
        "conversations": [{"messages": conversation, "expected": render(template, bos, conversation)} for conversation in CONVERSATIONS],
    }


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--also", nargs="*", default=[])
    arguments.add_argument("--into", default=None)
    chosen = arguments.parse_args()
    if chosen.also:
        out = [cases(Path(file).name, Path(file).read_text(), "<bos>") for file in chosen.also]
        Path(chosen.into).write_text(json.dumps(out))
        return
    out = [cases(name, template, bos) for name, (template, bos) in TEMPLATES.items()]
    (DATA / "chat.json").write_text(json.dumps(out, ensure_ascii=True, indent=1) + "\n")


if __name__ == "__main__":
    main()
