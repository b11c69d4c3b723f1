"""Training speed side by side in one run: TRL's SFTTrainer and ours, on the same examples, LoRA and batch.

    python benchmarks/train_speed.py MODEL_FOLDER --peer-python PEER/bin/python

PEER is a venv with `trl` and `datasets` beside the product's own packages. Counts unpadded tokens of the examples, a
second of wall time and a second of processor time. Data: `ASSISTANT_DATA`, by default ../shared/data.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
DATA = Path(os.environ.get("ASSISTANT_DATA", ROOT.parent / "shared" / "data"))
BATCH, RANK, ALPHA = 16, 16, 32
COMPANY = "the airline"


def conversations(count: int) -> list[dict[str, Any]]:
    """Random conversations of the airline logs that begin with a customer and an agent."""
    path = DATA / "airline_logs" / "train.jsonl.gz"
    if not path.exists():
        sys.exit(f"{path} is missing; set ASSISTANT_DATA to the folder that holds airline_logs")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    rows = [row for row in rows if [m["role"] for m in row["messages"][:2]] == ["user", "assistant"]]
    return random.Random(0).sample(rows, count)


def talks(count: int, every_reply: bool) -> list[tuple[str, list[dict[str, Any]], str]]:
    """`count` examples: id, messages so far, reply; the first of each conversation or all, one after another."""
    made = []
    for talk in conversations(count):
        messages = talk["messages"]
        for place in range(1, len(messages)):
            if messages[place]["role"] == "assistant" and messages[place - 1]["role"] == "user":
                made.append((f"{talk['id']}-{place}", messages[:place], messages[place]["content"]))
                if not every_reply:
                    break
    return made[:count]


def measured(tokens: int, wall: float, cpu: float) -> dict[str, float]:
    """Rates and the peak of memory in GB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"tokens_per_second": tokens / wall, "tokens_per_cpu_second": tokens / cpu, "peak_gb": peak}


def ours(model: Path, steps: int, every_reply: bool) -> dict[str, float]:
    """Our loop, one warm-up step first."""
    import torch

    from assistant.engines import ChatMessage
    from training.dataset import Encoder, merge_nested
    from training.examples import Example
    from training.packing import micro_batches, pack
    from training.recipe import Recipe
    from training.tuned_model import load_base, load_tokenizer, tuned_model

    torch.set_num_threads(os.cpu_count() or 1)
    recipe = Recipe(rank=RANK, alpha=ALPHA, batch=BATCH)
    encoder = Encoder(load_tokenizer(model), COMPANY, recipe.max_tokens, recipe.history_tokens)
    rows = []
    for name, said, replied in talks(BATCH * (steps + 1), every_reply):
        messages = tuple(ChatMessage(m["role"], m["content"]) for m in said)
        row = encoder.encode(Example(name, name, messages, replied, "en", "train"))
        if row is None:
            raise ValueError(f"{name} is too long")
        rows.append(row)
    tuned = tuned_model(load_base(model, recipe), recipe)
    optimizer = torch.optim.AdamW(tuned.parameters, lr=recipe.learning_rate)

    def step(number: int) -> int:
        batch = rows[number * BATCH : (number + 1) * BATCH]
        for part in micro_batches(merge_nested(batch), recipe.pack_tokens):
            (tuned.loss(pack(part)) / sum(row.targets for row in batch)).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(tuned.parameters, recipe.clip)
        optimizer.step()
        optimizer.zero_grad()
        return sum(len(row.ids) for row in batch)

    step(0)
    wall, cpu = time.perf_counter(), time.process_time()
    tokens = sum(step(number) for number in range(1, steps + 1))
    return measured(tokens, time.perf_counter() - wall, time.process_time() - cpu)


def trl(model: Path, steps: int, every_reply: bool, batch: int, bf16: bool, checkpointing: bool) -> dict[str, float]:
    """TRL's SFTTrainer with its defaults; `checkpointing` is its default too."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from assistant.engines import ChatMessage
    from assistant.prompt import render
    from training.recipe import ALL_LINEAR

    torch.set_num_threads(os.cpu_count() or 1)
    tokenizer = AutoTokenizer.from_pretrained(model)
    rows: list[dict[str, Any]] = []
    lengths: list[int] = []
    for _, said, replied in talks(batch * (steps + 1), every_reply):
        history = [ChatMessage(m["role"], m["content"]) for m in said]
        prompt = [{"role": m.role, "content": m.content} for m in render(history, [], COMPANY, "en")]
        completion = [{"role": "assistant", "content": replied}]
        rows.append({"prompt": prompt, "completion": completion})
        lengths.append(len(cast(Any, tokenizer.apply_chat_template(prompt + completion))["input_ids"]))

    class Clock(TrainerCallback):
        """Starts when the warm-up step is done."""

        started = (0.0, 0.0)

        def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            if state.global_step == 1:
                self.started = (time.perf_counter(), time.process_time())

    clock = Clock()
    config = SFTConfig(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=batch,
        max_steps=steps + 1,
        use_cpu=True,
        bf16=bf16,
        gradient_checkpointing=checkpointing,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        shuffle_dataset=False,
    )
    lora = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=list(ALL_LINEAR), task_type="CAUSAL_LM")
    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    trainer = SFTTrainer(
        model=base,
        args=config,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=lora,
        callbacks=[clock],
    )
    trainer.train()
    # The trainer shuffles: the mean length stands for the steps it took.
    tokens = round(sum(lengths) / len(lengths) * batch * steps)
    return measured(tokens, time.perf_counter() - clock.started[0], time.process_time() - clock.started[1])


def roofline() -> dict[str, float]:
    """GFLOPS of this machine's matrix products in the model's own shape, float32 and bfloat16."""
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    rates = {}
    for dtype, repeats in ((torch.float32, 20), (torch.bfloat16, 1)):
        x, weight = torch.randn(1024, 576, dtype=dtype), torch.randn(1536, 576, dtype=dtype)
        torch.nn.functional.linear(x[:64], weight)
        started = time.perf_counter()
        for _ in range(repeats):
            torch.nn.functional.linear(x, weight)
        spent = time.perf_counter() - started
        rates[str(dtype).removeprefix("torch.")] = 2 * 1024 * 576 * 1536 * repeats / spent / 1e9
    return rates


def main() -> None:
    """Run each contender in a process of its own and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--peer-python", type=Path, help="python of a venv with trl and datasets")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--bf16-batch", type=int, default=BATCH, help="smaller where bfloat16 is emulated")
    parser.add_argument("--bf16-steps", type=int, default=1)
    parser.add_argument("--every-reply", action="store_true", help="all replies of a conversation, not the first")
    parser.add_argument("--only", choices=["ours", "trl", "roofline"])
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--no-checkpointing", action="store_true")
    given = parser.parse_args()
    if given.only:
        result = {
            "ours": lambda: ours(given.model, given.steps, given.every_reply),
            "trl": lambda: trl(
                given.model, given.steps, given.every_reply, given.batch, given.bf16, not given.no_checkpointing
            ),
            "roofline": roofline,
        }[given.only]()
        print("RESULT " + json.dumps(result))
        return
    runs: list[tuple[str, Path, list[str]]] = [
        ("GFLOPS", Path(sys.executable), ["--only", "roofline"]),
        ("ours", Path(sys.executable), ["--only", "ours", "--steps", str(given.steps)]),
    ]
    if given.peer_python:
        steps = ["--only", "trl", "--steps", str(given.steps)]
        runs += [
            ("TRL float32", given.peer_python, steps),
            ("TRL float32, no checkpointing", given.peer_python, [*steps, "--no-checkpointing"]),
            (
                f"TRL bf16=True, batch {given.bf16_batch}",
                given.peer_python,
                ["--only", "trl", "--bf16", "--steps", str(given.bf16_steps), "--batch", str(given.bf16_batch)],
            ),
            ("ours again", Path(sys.executable), ["--only", "ours", "--steps", str(given.steps)]),
        ]
    for name, python, arguments in runs:
        command = [str(python), "-W", "ignore", __file__, str(given.model), *arguments]
        command += ["--every-reply"] if given.every_reply else []
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        if not lines:
            print(f"{name}: failed\n{done.stderr[-2000:]}", flush=True)
            continue
        figures = json.loads(lines[-1].removeprefix("RESULT "))
        print(f"{name:32}" + "  ".join(f"{key} {value:.1f}" for key, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
