"""The insights tab of the desk: a month in charts, and the questions the knowledge base does not answer.

Knows how figures become charts; the figures come from assistant/store_insights.py, the gaps from /api/v1/staff.
"""

from __future__ import annotations

import gradio as gr
import pandas as pd

from assistant.store import Store
from assistant.store_insights import Day, days, languages, moods
from ui.desk_words import ENGLISH

HEIGHT = 230
UNTITLED = " "  # the title of the chart says it all
COLORS = {
    "assistant": "#5b9a86",
    "handed over": "#d39a2f",
    "up": "#5b9a86",
    "down": "#c9605a",
    "positive": "#5b9a86",
    "neutral": "#9aa5a1",
    "negative": "#c9605a",
}


def build_charts(store: Store, tab: gr.Tab) -> None:
    """The charts, filled whenever the tab is opened."""
    with gr.Row():
        conversations = _bars("day", "chart_conversations", "kind")
        thumbs = _bars("day", "chart_ratings", "kind")
    with gr.Row():
        satisfaction = gr.LinePlot(
            x="day",
            y="score",
            title=ENGLISH["chart_satisfaction"],
            height=HEIGHT,
            y_lim=[1, 5],
            x_title=UNTITLED,
            y_title=UNTITLED,
        )
        mood = _bars("day", "chart_moods", "kind")
        spoken = _bars("language", "chart_languages")

    def fill() -> list[pd.DataFrame]:
        month = days(store)
        return [conversation_frame(month), thumb_frame(month), satisfaction_frame(month), *_others(store)]

    tab.select(
        fill,
        outputs=[conversations, thumbs, satisfaction, mood, spoken],
        show_progress="hidden",
        api_visibility="private",
    )


def _bars(x: str, title: str, color: str | None = None) -> gr.BarPlot:
    """Counts as bars from zero, stacked by `color`."""
    return gr.BarPlot(
        x=x,
        y="count",
        color=color,
        title=ENGLISH[title],
        height=HEIGHT,
        y_lim=[0, None],
        color_map=COLORS,
        color_title=UNTITLED,
        x_title=UNTITLED,
        y_title=UNTITLED,
    )


def conversation_frame(month: list[Day]) -> pd.DataFrame:
    """Rows of day, kind (answered alone or handed over) and count."""
    rows = [(d.day, kind, n) for d in month for kind, n in _split(d)]
    return pd.DataFrame(rows, columns=["day", "kind", "count"])


def _split(day: Day) -> list[tuple[str, int]]:
    return [("assistant", day.conversations - day.handed_over), ("handed over", day.handed_over)]


def thumb_frame(month: list[Day]) -> pd.DataFrame:
    """Rows of day, kind (up or down) and count."""
    rows = [(d.day, kind, n) for d in month for kind, n in (("up", d.thumbs_up), ("down", d.thumbs_down))]
    return pd.DataFrame(rows, columns=["day", "kind", "count"])


def satisfaction_frame(month: list[Day]) -> pd.DataFrame:
    """Rows of day and mean score, only of days with ratings."""
    rows = [(pd.Timestamp(d.day), d.satisfaction) for d in month if d.satisfaction is not None]
    return pd.DataFrame(rows, columns=["day", "score"])


def _others(store: Store) -> list[pd.DataFrame]:
    spoken = pd.DataFrame(list(languages(store).items()), columns=["language", "count"])
    return [pd.DataFrame(moods(store), columns=["day", "kind", "count"]), spoken]
