"""The child process that holds a llama.cpp server: reads its parameters from standard input, answers with its address.

Run as a script, importing nothing of the product. It ends when standard input closes, so it never outlives its parent,
and it is separate because loading a model holds Python's lock for seconds and a failed assertion ends the process.
"""

from __future__ import annotations

import json
import os
import select
import sys
from typing import Any

import xllamacpp

ORPHAN_CHECK_SECONDS = 1.0
CPU = xllamacpp.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU
BATCH_TOKENS = 128
PROMPT_CACHE_MEBIBYTES = 256  # states of idle slots kept in memory, so that a returning conversation is not read again


def server_params(given: dict[str, Any]) -> xllamacpp.CommonParams:
    """llama.cpp's parameters: loopback only, with a key, no web UI, no endpoints we do not use, errors logged only."""
    params = xllamacpp.CommonParams()
    params.model.path = given["file"]
    if given["adapter"]:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(given["adapter"], 1.0)]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [given["key"]]
    params.cors_origins = ""
    params.ui = False
    params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = False
    params.verbosity = 1
    # Fitting the model to a GPU's memory takes a third of the time of loading, and without a GPU it changes nothing.
    params.fit_params = any(device["type"] != CPU for device in xllamacpp.get_device_info())
    # A batch is the unit of cancellation: small ones let a vanished reader stop a long prompt soon, at equal speed.
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    params.n_parallel = given["slots"]
    params.n_ctx = given["slots"] * given["context_tokens"]
    params.kv_unified = False  # a cache for each slot: attention then skips other users' tokens (8 users: 1.15 x)
    params.cont_batching = True
    params.cache_prompt = True
    params.cache_ram_mib = PROMPT_CACHE_MEBIBYTES
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = given["threads"]
    params.n_threads_http = given["slots"] + 4
    return params


def main() -> None:
    """Serve until standard input closes or the parent is gone."""
    parent = os.getppid()
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever native code prints goes to the log, not into the answer
    given = json.loads(sys.stdin.readline())
    server = xllamacpp.Server(server_params(given))
    print(json.dumps({"address": server.listening_address}), file=answer, flush=True)
    while os.getppid() == parent:
        readable, _, _ = select.select([sys.stdin], [], [], ORPHAN_CHECK_SECONDS)
        if readable and not os.read(0, 1024):
            break
    os._exit(0)  # nothing to save; an orderly shutdown would wait for replies nobody reads


if __name__ == "__main__":
    main()
