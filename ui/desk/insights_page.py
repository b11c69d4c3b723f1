"""The insights tab of the desk: a month in charts, and the questions the knowledge base does not answer.

Knows how figures become charts; the figures come from assistant/store_insights.py, the gaps from /api/v1/staff.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import gradio as gr
import pandas as pd

from assistant.store import Store
from assistant.store_insights import Day, days, languages, moods
from ui.desk_words import DESK_WORDS, language_of_browser

HEIGHT = 230
UNTITLED = " "  # the title of the chart says it all
GREEN, AMBER, RED, GREY = "#5b9a86", "#d39a2f", "#c9605a", "#9aa5a1"
COLORS = {
    "kind_assistant": GREEN,
    "kind_handed_over": AMBER,
    "kind_up": GREEN,
    "kind_down": RED,
    "mood_positive": GREEN,
    "mood_neutral": GREY,
    "mood_negative": RED,
    "mood_angry": AMBER,
    "chart_languages": GREEN,
}
TITLES = ("chart_conversations", "chart_ratings", "chart_moods", "chart_languages")


def build_charts(store: Store, tab: gr.Tab) -> None:
    """The charts, filled in the reader's language whenever the tab is opened."""
    with gr.Row():
        conversations, thumbs = _bars("day"), _bars("day")
    with gr.Row():
        satisfaction = gr.LinePlot(x="day", y="score", height=HEIGHT, y_lim=[1, 5], x_title=UNTITLED, y_title=UNTITLED)
        mood, spoken = _bars("day"), _bars("language")

    def fill(request: gr.Request) -> list[gr.BarPlot | gr.LinePlot]:
        words = DESK_WORDS[language_of_browser(request.headers.get("accept-language", ""))]
        month = days(store)
        frames = (conversation_frame(month), thumb_frame(month), *_others(store))
        bars = [_filled(frame, title, words) for frame, title in zip(frames, TITLES, strict=True)]
        rated = satisfaction_frame(month)
        title = words["chart_satisfaction" if len(rated) else "chart_no_ratings"]
        return [*bars, gr.LinePlot(value=rated, title=title)]

    tab.select(
        fill,
        outputs=[conversations, thumbs, mood, spoken, satisfaction],
        show_progress="hidden",
        api_visibility="private",
    )


def _bars(x: str) -> gr.BarPlot:
    """Counts as bars from zero, stacked by kind."""
    return gr.BarPlot(
        x=x,
        y="count",
        color="kind",
        height=HEIGHT,
        y_lim=[0, None],
        color_title=UNTITLED,
        x_title=UNTITLED,
        y_title=UNTITLED,
    )


def _filled(frame: pd.DataFrame, title: str, words: Mapping[str, str]) -> gr.BarPlot:
    """The chart with its figures, its title and the names of its kinds in the reader's language."""
    named = frame.assign(kind=[words[kind] for kind in frame["kind"]])
    return gr.BarPlot(value=named, title=words[title], color_map={words[kind]: COLORS[kind] for kind in COLORS})


def conversation_frame(month: list[Day]) -> pd.DataFrame:
    """Rows of day, kind (answered alone or handed over) and count."""
    rows = [(d.day, kind, n) for d in month for kind, n in _split(d)]
    return pd.DataFrame(rows, columns=["day", "kind", "count"])


def _split(day: Day) -> list[tuple[str, int]]:
    return [("kind_assistant", day.conversations - day.handed_over), ("kind_handed_over", day.handed_over)]


def thumb_frame(month: list[Day]) -> pd.DataFrame:
    """Rows of day, kind (up or down) and count."""
    rows = [(d.day, kind, n) for d in month for kind, n in (("kind_up", d.thumbs_up), ("kind_down", d.thumbs_down))]
    return pd.DataFrame(rows, columns=["day", "kind", "count"])


def satisfaction_frame(month: list[Day]) -> pd.DataFrame:
    """Rows of day and mean score, only of days with ratings."""
    rows = [(pd.Timestamp(d.day), d.satisfaction) for d in month if d.satisfaction is not None]
    return pd.DataFrame(rows, columns=["day", "score"])


def mood_frame(counted: Sequence[tuple[str, str, int]]) -> pd.DataFrame:
    """Rows of day, kind (a mood) and count."""
    return pd.DataFrame([(day, f"mood_{mood}", n) for day, mood, n in counted], columns=["day", "kind", "count"])


def language_frame(counted: Mapping[str, int]) -> pd.DataFrame:
    """Rows of language, kind (all the same) and count."""
    return pd.DataFrame(
        [(code, "chart_languages", n) for code, n in counted.items()], columns=["language", "kind", "count"]
    )


def _others(store: Store) -> tuple[pd.DataFrame, pd.DataFrame]:
    return mood_frame(moods(store)), language_frame(languages(store))
