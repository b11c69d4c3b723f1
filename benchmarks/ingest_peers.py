"""LangChain and LlamaIndex at the job of benchmarks/ingest_speed.py; runs in the peers' own environment.

python benchmarks/ingest_peers.py langchain|llamaindex JOB.json, answers with one JSON object on stdout.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Search = Callable[[str], list[str]]


def rows_of(path: str) -> list[tuple[str, str]]:
    """(id, text) of every FAQ row, question and answers together as one text."""
    rows = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [(str(r["id"]), "\n".join([r["question"], *r["answers"]])) for r in rows]


class LangChain:
    """langchain-huggingface embeddings and the FAISS store of langchain-community."""

    def __init__(self, model: str) -> None:
        from langchain_huggingface import HuggingFaceEmbeddings

        self._embeddings = HuggingFaceEmbeddings(model_name=model)

    def ingest(self, path: str, folder: str) -> Search:
        """From the rows on disk to a store on disk."""
        from langchain_community.vectorstores import FAISS

        rows = rows_of(path)
        store = FAISS.from_texts([t for _, t in rows], self._embeddings, metadatas=[{"id": i} for i, _ in rows])
        store.save_local(folder)
        return lambda query: [d.metadata["id"] for d in store.similarity_search(query, k=10)]


class LlamaIndex:
    """llama-index embeddings, 32 texts a batch (its default of 10 is slower), and its FAISS store."""

    def __init__(self, model: str) -> None:
        from llama_index.embeddings.huggingface import HuggingFaceEmbedding

        self._embeddings = HuggingFaceEmbedding(model_name=model, embed_batch_size=32)

    def ingest(self, path: str, folder: str) -> Search:
        """From the rows on disk to a store on disk."""
        import faiss
        from llama_index.core import StorageContext, VectorStoreIndex
        from llama_index.core.schema import TextNode
        from llama_index.vector_stores.faiss import FaissVectorStore

        nodes = [TextNode(id_=i, text=t) for i, t in rows_of(path)]
        store = FaissVectorStore(faiss_index=faiss.IndexFlatL2(384))
        context = StorageContext.from_defaults(vector_store=store)
        index = VectorStoreIndex(nodes, storage_context=context, embed_model=self._embeddings)
        context.persist(folder)
        retriever = index.as_retriever(similarity_top_k=10)
        return lambda query: [hit.node.node_id for hit in retriever.retrieve(query)]


def run(peer: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Time one ingest and single queries against it; then rank the judged queries in an index of their own."""
    peer.ingest(job["warm_up"], job["folder"] + "/warm-up")
    began, spent = time.perf_counter(), time.process_time()
    search = peer.ingest(job["documents"], job["folder"] + "/documents")
    seconds, processor = time.perf_counter() - began, time.process_time() - spent
    timings = timed(search, job["timed_queries"])
    judged = peer.ingest(job["judged"], job["folder"] + "/judged") if job["queries"] else None
    ranked = [judged(query) for query in job["queries"]] if judged else []
    return {"seconds": seconds, "processor_seconds": processor, "query_ms": timings, "ranked": ranked}


def timed(search: Search, queries: Sequence[str]) -> list[float]:
    """Milliseconds each query takes, alone."""
    took = []
    for query in queries:
        began = time.perf_counter()
        search(query)
        took.append((time.perf_counter() - began) * 1000)
    return took


if __name__ == "__main__":
    name, job_file = sys.argv[1:]
    given = json.loads(Path(job_file).read_text(encoding="utf-8"))
    peer = {"langchain": LangChain, "llamaindex": LlamaIndex}[name](given["embedder"])
    print(json.dumps(run(peer, given)))
