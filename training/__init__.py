"""From logs to a LoRA adapter: import, curate, train, evaluate.

Knows nothing of the web or of Gradio.
"""
