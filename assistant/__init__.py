"""One conversation: understand, retrieve, decide, generate, ground, store.

Runs without the web or Gradio, and knows nothing of training.
"""
