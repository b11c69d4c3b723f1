"""Text and vectors: reading documents, splitting, embedding, indexing, searching.

Knows nothing of conversations, SQL or the web.
"""
