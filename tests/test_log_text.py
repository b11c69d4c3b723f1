"""What a person wrote is kept; markup, quoted mail and signatures are not."""

from __future__ import annotations

import time

import pytest

from training.log_text import plain_text, without_quotes, without_signature, written_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (
            "<p>Hello <b>Ann</b>,<br>see <a href='https://x.example/a'>here</a></p><p>Bye</p>",
            "Hello Ann,\nsee here (https://x.example/a)\n\nBye",
        ),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n- two"),
        ("<a href='https://x.example'>https://x.example</a>", "https://x.example"),
        ("<a href='javascript:alert(1)'>click</a>", "click"),
        ("<style>p{}</style><script>alert(1)</script><!-- hidden --><p>shown</p>tail", "shown\ntail"),
        ('<p>new</p><div class="gmail_quote">old</div><blockquote type="cite">older</blockquote>', "new"),
        ("<div>" * 500 + "deep" + "</div>" * 500, "deep"),
        ("<!-- only a comment --><p></p>", ""),
        ("Tom &amp; Jerry &lt;3", "Tom & Jerry <3"),
        ("a < b and c > d, <3 <x", "a < b and c > d, <3 <x"),
        ("<p>unclosed <b>bold", "unclosed bold"),
        ("line\r\nbreaks \u00a0 and  spaces  ", "line\nbreaks   and  spaces"),
    ],
)
def test_html_becomes_text(html: str, text: str) -> None:
    assert plain_text(html) == text


@pytest.mark.parametrize(
    "quoted",
    [
        "On Tue, Mar 3, 2020 at 10:15 AM Support <help@x.example> wrote:\n\n> Hi\n",
        "On Tue, Mar 3, 2020 at 10:15 AM Very Long Support Name\n<help@x.example> wrote:\n> Hi",
        "Am 3. März 2020 um 10:15 schrieb Support <help@x.example>:\n> Hallo",
        "Le 3 mars 2020 à 10:15, Support a écrit :\n> Bonjour",
        "在 2020年3月3日 10:15，客服 <help@x.example> 写道：\n> 您好",
        "-----Original Message-----\nFrom: Support\n\nTry again.",
        "________________________________\nFrom: Support\nSent: Monday\nTo: Bob\n\nTry again.",
        "From: Support <a@b.example>\nSent: Monday, March 2, 2020\nTo: Bob\nSubject: x\n\nTry again.",
        "------------------ 原始邮件 ------------------\n发件人: 客服\n\n您好",
        "##- Please type your reply above this line -##\n\nold",
        "> quoted\n> more",
    ],
)
def test_quoted_mail_is_cut(quoted: str) -> None:
    assert without_quotes("It still fails.\n\n" + quoted) == "It still fails."


def test_answers_between_quoted_lines_stay() -> None:
    assert without_quotes("> a photo?\nYes, attached.\n> the number?\n12345") == "Yes, attached.\n12345"


@pytest.mark.parametrize(
    "signature",
    [
        "-- \nBob Smith\nAcme Corp",
        "Best regards,\nAnna Kowalska\nCustomer Care\nLantern & Leaf",
        "Thanks,\nBob",
        "Mit freundlichen Grüßen\nUwe",
        "此致\n敬礼",
        "Sent from my iPhone",
        "发自我的iPhone",
        "This email and any attachments are confidential and intended for the addressee.",
    ],
)
def test_signatures_are_cut(signature: str) -> None:
    assert without_signature("You can return it.\n\n" + signature) == "You can return it."


@pytest.mark.parametrize(
    "text",
    [
        "Thanks!",
        "On Monday I wrote: where is my order? From: Berlin to Rome. Thanks",
        "Thanks\n\nCould you also tell me when it ships and whether I can still change the address on it?",
        "From: 3 May\nuntil: 5 May",
        "> only a quote",
    ],
)
def test_what_only_looks_like_mail_is_kept(text: str) -> None:
    assert written_text(text) == text


@pytest.mark.parametrize(
    "part", ["> a\n", "From: a\n", "On 1 a wrote \n", "<div>", "<a ", "<", "&amp;", "thanks\n", "On x 1\n"]
)
def test_hostile_texts_cost_linear_time(part: str) -> None:
    start = time.process_time()
    written_text(part * 30_000)
    assert time.process_time() - start < 3
