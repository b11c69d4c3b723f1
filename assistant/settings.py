"""Every knob of the product, documented where it is declared.

Read once from `ASSISTANT_*` environment variables, then `assistant.toml` in the home folder,
then the defaults below; passed in wherever needed, never global.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from assistant.errors import InvalidInput
from assistant.office_hours import office_hours


def default_home() -> Path:
    """`ASSISTANT_HOME`, or `~/.assistant`."""
    return Path(os.environ.get("ASSISTANT_HOME") or "~/.assistant").expanduser()


class Settings(BaseSettings):
    """All settings. Field descriptions are the documentation; README lists them all."""

    model_config = SettingsConfigDict(env_prefix="ASSISTANT_", extra="forbid", frozen=True)

    home: Path = Field(default_factory=default_home, description="Folder of database, models, index, adapters, runs.")
    company: str = Field("Lantern & Leaf", description="The company's name, as the assistant introduces itself.")
    accent_color: str = Field(
        "#2f6f5e", pattern=r"^#[0-9a-fA-F]{6}$", description="The one accent colour of chat and widget."
    )

    database_url: str = Field(
        "",
        description="SQLAlchemy URL; empty means SQLite in the home folder. PostgreSQL: postgresql+psycopg://user:password@host/name",
    )

    engine: Literal["auto", "llamacpp", "torch", "remote"] = Field(
        "auto", description="auto: remote if engine_url is set, llamacpp for a .gguf file, torch for anything else."
    )
    model: str = Field(
        "",
        description="GGUF file, Hugging Face folder or hub id, or the remote server's model name; "
        "empty means the default SmolLM2-135M-Instruct.",
    )
    engine_url: str = Field(
        "",
        description="Base URL of an OpenAI-compatible server (vLLM, llama-server, Ollama), e.g. http://localhost:8001/v1",
    )
    engine_key: str = Field("", repr=False, description="API key for engine_url.")
    model_languages: list[str] = Field(
        ["en"],
        description="Languages the model writes well; others get quoted passages instead of generated text.",
    )
    engine_slots: int = Field(8, ge=1, le=256, description="Replies generated at the same time.")
    engine_queue: int = Field(64, ge=0, description="Replies that may wait for a slot; past it: 503 with Retry-After.")
    engine_seconds: float = Field(
        120.0,
        gt=0,
        description="Longest time, in seconds, that a reply may wait for a slot, and that it may take once it has one.",
    )
    context_tokens: int = Field(2048, ge=512, description="Tokens of prompt and reply together for one customer turn.")
    threads: int = Field(0, ge=0, description="CPU threads of engine and embedder; 0 means all cores.")
    max_reply_tokens: int = Field(200, ge=16, le=4096, description="Longest generated reply.")
    temperature: float = Field(0.0, ge=0.0, le=2.0, description="0 is greedy: the same question gets the same answer.")

    embedder: str = Field(
        "", description="sentence-transformers folder or hub id; empty means the default all-MiniLM-L6-v2."
    )
    multilingual: Literal["auto", "always", "never"] = Field(
        "auto",
        description="A second embedder for all languages beside the default one. auto: for small knowledge bases and "
        "those with text outside the Latin script.",
    )
    top_k: int = Field(5, ge=1, le=50, description="Passages retrieved for a turn.")
    prompt_passages: int = Field(2, ge=1, le=20, description="Passages shown to the model.")
    answer_evidence: float = Field(0.5, ge=0, le=1, description="Answer at or above this evidence.")
    clarify_evidence: float = Field(
        0.3, ge=0, le=1, description="Between this and answer_evidence ask back; below it say so and offer a person."
    )
    person_reply_hours: int = Field(
        24, ge=1, description="Within how many hours a person usually answers; told to customers who ask for one."
    )
    hand_over_after: int = Field(
        2, ge=0, description="Bring in a person after so many questions in a row without an answer; 0: only when asked."
    )
    hand_over_keywords: list[str] = Field([], description="Words in a customer's message that bring in a person.")
    hand_over_intents: list[str] = Field([], description="Intents that bring in a person.")
    office_hours: list[str] = Field(
        [], description='When people are there, e.g. ["mon-fri 09:00-17:30", "sat 10:00-14:00"]; empty: always.'
    )
    office_timezone: str = Field("UTC", description="Time zone of office_hours, e.g. Europe/Dublin.")
    grounding_coverage: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of a generated sentence's words that one source sentence must hold; numbers always must.",
    )
    history_tokens: int = Field(512, ge=0, description="Tokens of earlier turns shown to the model.")

    template_similarity: float = Field(
        0.8, ge=0, le=1, description="How near a question must be to one of an approved template's to get its wording."
    )
    template_values: dict[str, str] = Field(
        {},
        description="Values that templates may name in braces, such as phone for {phone}; {company} is always known.",
    )
    hand_over_anger: float = Field(
        0.8,
        ge=0,
        le=1,
        description="How sure of a bad mood to be before a person joins an angry customer: twice in a row, in a hurry, "
        "or without an answer; 0 never.",
    )

    order_patterns: list[str] = Field(
        [],
        description="Regular expressions of your order numbers, each with a group (?P<value>…), for masking.",
    )
    mask_keep: list[str] = Field(
        [],
        description="Your own e-mail addresses, phone numbers, hosts and product names, not masked in training data.",
    )

    adapter_poll_seconds: float = Field(
        0.5, ge=0.1, le=60, description="How often a serving process looks whether another adapter was promoted."
    )
    auto_rollback: bool = Field(
        True, description="Roll back by itself when live ratings, hand-overs or unsupported sentences worsen."
    )
    watch_hours: float = Field(72, gt=0, description="How long after a promotion its effect is watched.")
    watch_minimum: int = Field(50, ge=10, description="Fewest observations, before and after, to judge a promotion by.")
    watch_p_value: float = Field(
        0.01, gt=0, lt=0.5, description="Chance of a false alarm, over all signals together, at which to roll back."
    )

    api_keys: list[str] = Field(
        [],
        repr=False,
        description="Bearer keys for /v1 (OpenAI-compatible) and /metrics; required unless served on loopback.",
    )
    cors_origins: list[str] = Field(
        [], description="Origins allowed to call the API from a browser without a site key."
    )
    allowed_hosts: list[str] = Field(
        [],
        description="Host names this server answers to besides localhost; empty: any, but on loopback only localhost.",
    )
    trusted_proxies: list[str] = Field(
        [], description="Addresses of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."
    )
    max_message_chars: int = Field(4000, ge=1, description="Longest customer message.")
    max_body_bytes: int = Field(262_144, ge=1024, description="Largest HTTP request body.")
    messages_per_minute: int = Field(30, ge=1, description="Customer messages per conversation, a minute.")
    address_messages_per_minute: int = Field(
        300, ge=1, description="Customer messages per client address, a minute; an office shares one address."
    )
    conversations_per_minute: int = Field(120, ge=1, description="New conversations per client address, a minute.")
    site_conversations_per_minute: int = Field(600, ge=1, description="New conversations per site, a minute.")
    site_messages_per_minute: int = Field(3000, ge=1, description="Customer messages per site, a minute.")
    requests_per_minute: int = Field(1200, ge=1, description="API requests of any kind per client address, a minute.")

    @model_validator(mode="after")
    def _hours_are_understood(self) -> Self:
        try:
            office_hours(self.office_hours, self.office_timezone)
        except InvalidInput as error:
            raise ValueError(str(error)) from error
        return self

    approve_rule: Literal["none", "rated_good"] = Field(
        "none",
        description="rated_good: live replies that customers rated good are learnt from without a person's approval.",
    )
    retrain_schedule: str = Field(
        "0 3 * * *",
        description="Cron expression, UTC, by which `assistant worker` runs a cycle; empty: never.",
    )
    retrain_triggers: list[Literal["examples", "drift", "knowledge"]] = Field(
        ["examples", "drift", "knowledge"],
        description="What else starts one: newly approved replies, changed conversations, a changed knowledge base.",
    )
    retrain_examples: int = Field(200, ge=1, description="Newly approved replies that start a learning cycle.")
    cycle_examples: int = Field(
        4000,
        ge=20,
        description="Most examples that one cycle trains on: new ones first, then a replay of old.",
    )
    cycle_start: Literal["serving", "base", "both"] = Field(
        "serving",
        description="What a cycle trains on from: the serving adapter, the untuned base, or each (twice the time).",
    )
    cycle_base_every: int = Field(
        8, ge=0, description="Generations after which a cycle starts from the untuned base again; 0: never."
    )
    held_out_share: float = Field(
        0.1, gt=0, lt=0.5, description="Share of the conversations that are never trained on, for the gate."
    )
    gate_cases: int = Field(300, ge=24, description="Held-out cases whose likelihood the gate compares.")
    gate_replies: int = Field(32, ge=0, description="Held-out cases that every compared model replies to.")
    gate_turns: int = Field(8, ge=0, description="Of those, how many go through the whole turn too.")
    gate_stale: int = Field(12, ge=0, description="Questions that the gate asks again because their answer changed.")
    gate_probes: int = Field(32, ge=0, description="Rare strings of the training data that must not be completed.")
    gate_least_cases: int = Field(24, ge=10, description="With fewer held-out cases a cycle is inconclusive.")
    gate_margin: float = Field(
        0.05, ge=0, description="Nats a token by which a slice of the held-out cases may be worse."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Explicit values, then the environment, then `assistant.toml` in the home."""
        given: dict[str, Any] = init_settings()
        home = Path(given.get("home") or default_home())
        toml = TomlConfigSettingsSource(settings_cls, toml_file=home / "assistant.toml")
        return init_settings, env_settings, toml

    @property
    def sqlalchemy_url(self) -> str:
        """`database_url`, or SQLite in the home folder."""
        return self.database_url or f"sqlite:///{self.home / 'assistant.db'}"

    @property
    def index_folder(self) -> Path:
        """Where index versions live."""
        return self.home / "index"

    @property
    def models_folder(self) -> Path:
        """Where `assistant setup` puts the default models."""
        return self.home / "models"

    @property
    def datasets_folder(self) -> Path:
        """Where the data sets that adapters learnt from are kept."""
        return self.home / "datasets"

    @property
    def adapters_folder(self) -> Path:
        """Where trained adapters live."""
        return self.home / "adapters"


def load_settings(home: Path | None = None, **given: Any) -> Settings:
    """Read the settings; raises InvalidInput naming each bad key, its value and what is allowed."""
    if home is not None:
        given["home"] = home.expanduser().resolve()
    try:
        return Settings(**given)
    except ValidationError as error:
        lines = [f"setting {'.'.join(map(str, e['loc']))} = {e.get('input')!r}: {e['msg']}" for e in error.errors()]
        raise InvalidInput("; ".join(lines)) from error
