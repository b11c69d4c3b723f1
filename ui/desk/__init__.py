"""The staff desk (Gradio)."""
