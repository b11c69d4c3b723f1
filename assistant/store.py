"""Reads and writes conversations: the only module that opens a SQL session.

Every write is one transaction, durable before its method returns. Knows nothing of models or the web.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from assistant import migrations, store_approvals, store_documents, store_hand_overs, store_logs, store_messages
from assistant.conversation import (
    Conversation,
    DocumentState,
    Forgotten,
    HandOver,
    ImportCounts,
    ImportedConversation,
    Message,
    Reply,
    Transcript,
)
from assistant.database import (
    BUSY_SECONDS,
    POOL_SIZE,
    WRITE,
    clear_errors,
    empty_sqlite_log,
    open_engine,
    parse_url,
    place,
)
from assistant.errors import InvalidInput, Overloaded
from assistant.storable import clean, clean_or_none, identifier, identifier_or_none
from assistant.store_documents import CatalogueChanges, KnownDocument
from assistant.store_logs import LogFilter
from assistant.store_rows import (
    ConversationFilter,
    append_message,
    get_row,
    latest_conversations,
    lock_conversation,
    open_hand_over,
    rated,
)
from assistant.tables import ConversationRow, MessageRow, TraceRow

if TYPE_CHECKING:
    from retrieval.index import CatalogueEntry  # importing it takes as long as all of the store

IMPORT_BATCH = 200  # conversations per transaction of an import; live chats wait for one transaction at most
READ_BATCH = 200  # conversations held in memory by an iteration


class Store:
    """All conversations of one database; thread-safe, any number of processes may share the database.

    Methods raise NotFound, Conflict and InvalidInput as named, and any of them Unavailable or Overloaded
    when the database is down or busy.
    """

    def __init__(self, url: str) -> None:
        """Open `url` and bring its schema up to date; raises Unavailable rather than losing anything."""
        self._url = parse_url(url)
        self._engine = open_engine(self._url)
        self._writer = self._engine.execution_options(**WRITE)
        # SQLite lets one writer in at a time and makes the others poll: threads of this process queue here instead.
        # On PostgreSQL writers must not take every connection from the readers.
        single = self._engine.dialect.name == "sqlite"
        self._turnstile = threading.BoundedSemaphore(1 if single else POOL_SIZE)
        try:
            with clear_errors(self._url):
                migrations.upgrade(self._writer, place(self._url))
        except BaseException:
            self._engine.dispose()
            raise

    def close(self) -> None:
        """Close every connection; the store is not used afterwards."""
        self._engine.dispose()

    def ping(self) -> None:
        """Raises Unavailable when the database does not answer."""
        with self.reading() as session:
            session.execute(text("SELECT 1"))

    # Conversations

    def create_conversation(
        self,
        *,
        channel: str,
        customer_id: str | None = None,
        token_hash: str | None = None,
        language: str | None = None,
        site: str | None = None,
    ) -> Conversation:
        """Start a conversation with an unguessable id."""
        row = ConversationRow(
            channel=identifier("channel", channel),
            customer_id=identifier_or_none("customer_id", customer_id),
            token_hash=token_hash,
            language=identifier_or_none("language", language),
            site=identifier_or_none("site", site),
        )
        with self.writing() as session:
            session.add(row)
            session.flush()
            return row.to_conversation()

    def conversation(self, conversation_id: str) -> Conversation:
        """Raises NotFound."""
        with self.reading() as session:
            return get_row(session, ConversationRow, conversation_id).to_conversation()

    def token_hash(self, conversation_id: str) -> str | None:
        """What the conversation's bearer token hashes to; raises NotFound."""
        with self.reading() as session:
            return get_row(session, ConversationRow, conversation_id).token_hash

    def find_conversations(
        self, chosen: ConversationFilter | None = None, *, before: Conversation | None = None, limit: int = 50
    ) -> list[Conversation]:
        """The most recently changed first; `before` is the last one of the page before."""
        with self.reading() as session:
            return latest_conversations(session, chosen or ConversationFilter(), before, limit)

    def set_satisfaction(self, conversation_id: str, score: int, comment: str | None = None) -> Conversation:
        """How the customer liked the conversation, 1 to 5; a later score replaces it. Raises InvalidInput."""
        if score not in (1, 2, 3, 4, 5):
            raise InvalidInput(f"score {score!r} must be 1, 2, 3, 4 or 5")
        with self._locked(conversation_id) as (_, row):
            row.satisfaction, row.satisfaction_comment = score, clean_or_none(comment)
            return row.to_conversation()

    def request_person(self, conversation_id: str, reason: str) -> Conversation:
        """The customer waits for a person from now on; repeating it changes nothing. Conflict when closed."""
        with self._locked(conversation_id) as (session, row):
            store_hand_overs.request_person(session, row, reason)
            return row.to_conversation()

    def take_over(self, conversation_id: str, name: str) -> Conversation:
        """`name` answers from now on. Conflict when closed or when another person holds it."""
        with self._locked(conversation_id) as (session, row):
            store_hand_overs.take_over(session, row, name)
            return row.to_conversation()

    def give_back(self, conversation_id: str) -> Conversation:
        """The assistant answers again. Conflict when closed."""
        with self._locked(conversation_id) as (session, row):
            store_hand_overs.give_back(session, row)
            return row.to_conversation()

    def close_conversation(self, conversation_id: str) -> Conversation:
        """No more messages; closing twice changes nothing."""
        with self._locked(conversation_id) as (session, row):
            store_hand_overs.close(session, row)
            return row.to_conversation()

    def hand_over(self, conversation_id: str) -> HandOver | None:
        """The conversation's open hand-over. Raises NotFound."""
        with self.reading() as session:
            get_row(session, ConversationRow, conversation_id)
            row = open_hand_over(session, conversation_id)
            return row.to_hand_over() if row else None

    # Messages

    def add_customer_message(
        self, conversation_id: str, text: str, client_message_id: str | None = None
    ) -> tuple[Message, bool]:
        """Store a message, or find the one already stored under `client_message_id`; True if newly stored.

        Raises Conflict when the conversation is closed or `client_message_id` stands for another text.
        """
        client_message_id = identifier_or_none("client_message_id", client_message_id)
        with self._locked(conversation_id) as (session, conversation):
            return store_messages.add_customer_message(session, conversation, text, client_message_id)

    def add_reply(self, conversation_id: str, in_reply_to: str, reply: Reply) -> Message:
        """Store the assistant's reply with its trace, or find the one already stored for that message.

        It is stored whatever the conversation's state is by now: the customer has seen it stream.
        """
        with self._locked(conversation_id) as (session, conversation):
            return store_messages.add_reply(session, conversation, in_reply_to, reply)

    def add_person_message(self, conversation_id: str, text: str, name: str) -> Message:
        """Store what a member of staff wrote. Conflict when closed."""
        with self._locked(conversation_id) as (session, conversation):
            store_hand_overs.refuse_closed(conversation)
            row = append_message(session, conversation, author="person", text=clean(text), name=clean(name))
            return row.to_message()

    def message(self, message_id: str) -> Message:
        """Raises NotFound."""
        with self.reading() as session:
            return rated(session, get_row(session, MessageRow, message_id))

    def reply_to(self, message_id: str) -> Message | None:
        """The assistant's reply to a message, if there is one. Raises NotFound."""
        with self.reading() as session:
            get_row(session, MessageRow, message_id)
            row = store_messages.reply_row(session, message_id)
            return rated(session, row) if row else None

    def messages(self, conversation_id: str, after: str | None = None, limit: int = 500) -> list[Message]:
        """The first `limit` messages, in order; only those after the message `after` if given. Raises NotFound."""
        with self.reading() as session:
            return store_messages.page_after(session, conversation_id, after, limit)

    def messages_until(self, message_id: str, limit: int) -> list[Message]:
        """The last `limit` messages up to and with this one, in order. Raises NotFound."""
        with self.reading() as session:
            return store_messages.page_until(session, message_id, limit)

    def recent_messages(self, conversation_id: str, limit: int) -> list[Message]:
        """The last `limit` messages, in order. Raises NotFound."""
        with self.reading() as session:
            return store_messages.last_page(session, conversation_id, limit)

    def trace(self, message_id: str) -> dict[str, Any]:
        """How a reply came about, as JSON-ready values. Raises NotFound."""
        with self.reading() as session:
            return store_messages.trace_values(get_row(session, TraceRow, message_id))

    def rate(self, message_id: str, value: int, comment: str | None = None) -> None:
        """1 or -1 for an answer; a later rating replaces it. Raises NotFound and InvalidInput."""
        if value not in (1, -1):
            raise InvalidInput(f"value {value!r} must be 1 or -1")
        with self.writing() as session:
            store_messages.rate(session, message_id, value, comment)

    # Documents

    def sync_documents(self, entries: Iterable[CatalogueEntry]) -> CatalogueChanges:
        """Make the catalogue equal to the index's documents; what is gone stays listed as removed."""
        with self.writing() as session:
            return store_documents.sync(session, entries)

    def documents(self, state: DocumentState | None = "active", source: str | None = None) -> list[KnownDocument]:
        """Documents by id."""
        with self.reading() as session:
            return store_documents.listing(session, state, source)

    # Logs

    def import_conversations(
        self, records: Iterable[ImportedConversation], approved_by: str | None = None
    ) -> ImportCounts:
        """Store a stream of conversations, batch by batch; what a killed import has stored stays, a rerun goes on.

        With `approved_by` their replies count as approved by that rule.
        """
        total = ImportCounts()
        for batch in store_logs.batches(records, IMPORT_BATCH):
            with self.writing() as session:
                total += store_logs.import_batch(session, batch)
                if approved_by is not None:
                    store_approvals.approve_imported(session, [record for record, _ in batch], approved_by)
        return total

    def iter_conversations(self, chosen: LogFilter | None = None) -> Iterator[Transcript]:
        """Transcripts by time of their start, in flat memory; holds no connection between pages."""
        after: Conversation | None = None
        while True:
            with self.reading() as session:
                page = store_logs.read_page(session, chosen or LogFilter(), after, READ_BATCH)
            yield from page
            if len(page) < READ_BATCH:
                return
            after = page[-1].conversation

    def export_conversations(self, chosen: LogFilter | None = None) -> Iterator[ImportedConversation]:
        """Conversations as another store can import them, with ratings and time stamps."""
        return map(store_logs.as_imported, self.iter_conversations(chosen))

    def forget_customer(self, customer_id: str) -> Forgotten:
        """Erase a customer's conversations; SQLite's files keep no byte of them, PostgreSQL's until its next vacuum."""
        with self.writing() as session:
            forgotten = store_logs.erase(session, identifier("customer_id", customer_id))
        self.empty_log()
        return forgotten

    def empty_log(self) -> None:
        """Let SQLite's write-ahead log keep nothing that was erased; PostgreSQL looks after its own."""
        if self._engine.dialect.name == "sqlite":
            with self._turn(), clear_errors(self._url):
                empty_sqlite_log(self._engine)

    # Sessions

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session to read with; for the `store_*` modules of other topics too."""
        with clear_errors(self._url), Session(self._engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction, committed durably at the end of the block."""
        with self._turn(), clear_errors(self._url), Session(self._writer) as session, session.begin():
            yield session

    @contextmanager
    def _locked(self, conversation_id: str) -> Iterator[tuple[Session, ConversationRow]]:
        """A write transaction that holds the conversation, so that its writers come one after the other."""
        with self.writing() as session:
            yield session, lock_conversation(session, conversation_id)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turnstile.acquire(timeout=BUSY_SECONDS):
            raise Overloaded(f"{place(self._url)} had no free turn to write for {BUSY_SECONDS} s")
        try:
            yield
        finally:
            self._turnstile.release()
