"""Everything people touch: HTTP API, web chat, widget, desk, commands."""
