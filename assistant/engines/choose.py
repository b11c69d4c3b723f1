"""Opens the engine that the settings ask for."""

from __future__ import annotations

from pathlib import Path

from assistant.engines import Engine
from assistant.engines.gguf_fast import fast_copy
from assistant.engines.gguf_tokens import TokenCounter, load_counter
from assistant.errors import InvalidInput
from assistant.settings import Settings
from assistant.weights import ensure_models, torch_folder
from retrieval.hardware import cores


def open_engine(settings: Settings) -> Engine:
    """The engine of the settings, loaded; blocks while it loads.

    auto: remote if engine_url is set, llama.cpp for a GGUF file (also the default model), torch for anything else.
    Raises InvalidInput or Unavailable.
    """
    is_gguf = not settings.model or settings.model.endswith(".gguf")
    kind = settings.engine
    if kind == "auto":
        kind = "remote" if settings.engine_url else "llamacpp" if is_gguf else "torch"
    if kind == "remote":
        return _remote(settings)
    if kind == "torch":
        return _torch(settings)
    if not is_gguf:
        raise InvalidInput(f"setting engine = 'llamacpp' needs a .gguf file, but setting model = {settings.model!r}")
    return _llamacpp(settings)


def prepare_default_engine(settings: Settings) -> None:
    """Make the files that the default engine makes on first use, so that the first start is as quick as the others."""
    _prepared(ensure_models(settings).gguf, settings)


def _prepared(model: Path, settings: Settings) -> tuple[Path, TokenCounter]:
    """The file llama.cpp should load for `model`, and what counts its tokens."""
    cache = settings.models_folder / "prepared"
    return fast_copy(model, cache), load_counter(model, cache)


def _llamacpp(settings: Settings) -> Engine:
    from assistant.engines.llamacpp import LlamaCppEngine, LlamaCppOptions

    model = Path(settings.model).expanduser().resolve() if settings.model else ensure_models(settings).gguf
    if not model.is_file():
        raise InvalidInput(f"setting model = {settings.model!r}: no such file")
    file, tokens = _prepared(model, settings)
    options = LlamaCppOptions(
        name=model.stem,
        file=file,
        slots=settings.engine_slots,
        queue=settings.engine_queue,
        context_tokens=settings.context_tokens,
        threads=settings.threads or cores(),
        seconds=settings.engine_seconds,
    )
    return LlamaCppEngine(options, tokens)


def _remote(settings: Settings) -> Engine:
    from assistant.engines.remote import RemoteEngine, RemoteOptions

    if not settings.engine_url.startswith(("http://", "https://")):
        raise InvalidInput(
            f"setting engine_url = {settings.engine_url!r}: must be the http(s) URL of an OpenAI-compatible server, "
            "such as http://localhost:8001/v1"
        )
    if not settings.model:
        raise InvalidInput("setting model = '': with engine_url it must be the model's name on that server")
    return RemoteEngine(
        RemoteOptions(
            url=settings.engine_url,
            model=settings.model,
            key=settings.engine_key,
            slots=settings.engine_slots,
            queue=settings.engine_queue,
            context_tokens=settings.context_tokens,
            seconds=settings.engine_seconds,
        )
    )


def _torch(settings: Settings) -> Engine:
    from assistant.engines.torch_engine import TorchEngine, TorchOptions

    name = settings.model or ensure_models(settings).gguf.stem
    return TorchEngine(
        TorchOptions(
            name=Path(name).name if Path(name).exists() else name,
            folder=str(torch_folder(settings)),
            queue=settings.engine_queue,
            context_tokens=settings.context_tokens,
            threads=settings.threads or cores(),
            seconds=settings.engine_seconds,
        )
    )
