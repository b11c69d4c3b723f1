"""The words a person wrote, out of what a support tool stored: HTML to text, quoted mail and signatures cut off.

Knows nothing of where the text comes from. Line rules of our own: the mail-reply libraries we tried miss most
of the cases below or take quadratic time.
"""

from __future__ import annotations

import html
import re

from lxml import etree

LONGEST_HTML = 1_000_000  # characters; no person wrote more

HTML_TAG = re.compile(
    r"</?(?:p|br|div|span|a|b|strong|i|em|u|s|ul|ol|li|table|tbody|tr|td|th|h[1-6]|blockquote|img|hr|pre|code|html|body|"
    r"head|font|center|small|sup|sub|section|article|style)(?:\s[^<>]{0,2000})?/?>",
    re.IGNORECASE,
)
ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,7}|#x[0-9a-f]{1,6});", re.IGNORECASE)
SKIPPED = frozenset({"script", "style", "head", "title", "template", "noscript", "svg", "object", "iframe"})
BLOCKS = ("p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre", "hr")
OPENING = dict.fromkeys((*BLOCKS, "br", "tr"), "\n") | {"li": "\n- "}
CLOSING_TAG = dict.fromkeys(BLOCKS, "\n")
SPACE = re.compile(r"\s+")
PARSER = etree.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, huge_tree=True)
QUOTE_CLASS = re.compile(
    r"gmail_quote|gmail_extra|yahoo_quoted|moz-cite-prefix|moz-signature|gmail_signature|freshdesk_quote|"
    r"protonmail_quote|zmail_extra|divRplyFwdMsg|appendonsend|OLK_SRC_BODY_SECTION|zendesk-quoted",
    re.IGNORECASE,
)

WROTE = re.compile(
    r"(?:(?:On|Am|Le|El|Il|Op|Em|W dniu|Den)\s|[在于])(?=.{0,200}\d).{4,300}?"
    r"(?:wrote|schrieb|a écrit|escribió|ha scritto|schreef|escreveu|napisała?|skrev|写道|寫道)[^:：]{0,120}[:：]\s*$",
    re.IGNORECASE,
)
DIVIDER = re.compile(
    r"[-_*\s]{2,}(?:original message|forwarded message|ursprüngliche nachricht|message d'origine|mensaje original|"
    r"messaggio originale|oorspronkelijk bericht|mensagem original|原始邮件|转发的?邮件|原始郵件)[-_*\s]*$"
    r"|#{2}- .{0,80}-#{2}\s*$|.{0,20}(?:write|type) your reply above this line.{0,20}$|_{16,}\s*$",
    re.IGNORECASE,
)
HEADER_START = re.compile(r"\W{0,3}(?:From|Von|De|Da|Van|Od|发件人|寄件者)\W{0,3}[:：]", re.IGNORECASE)
HEADER_NEXT = re.compile(
    r"\W{0,3}(?:Sent|Date|To|Subject|Cc|Gesendet|Datum|An|Betreff|Envoyé|Objet|À|Enviado|Para|Asunto|Inviato|Oggetto|"
    r"Verzonden|Aan|Onderwerp|发送时间|收件人|主题|日期|抄送)\W{0,3}[:：]",
    re.IGNORECASE,
)
DASHES = re.compile(r"--\s*$")
DEVICE = re.compile(
    r"(?:sent (?:from|via) (?:my )?.{2,40}|get outlook for .{2,20}|von meinem .{2,30} gesendet|gesendet mit .{2,30}|"
    r"envoyé (?:de|depuis) mon .{2,30}|enviado desde mi .{2,30}|发自我的.{1,20}|从我的.{1,20}发送)\.?\s*$",
    re.IGNORECASE,
)
CLOSING = re.compile(
    r"(?:(?:with )?(?:best|kind|warm|kindest|warmest|many)?\s?(?:regards|wishes|thanks)|"
    r"(?:yours )?(?:sincerely|faithfully|truly)|cheers|thank you|thanks(?: so much| a lot| again)?|best|respectfully|"
    r"mit freundlichen grüßen|viele grüße|"
    r"freundliche grüße|mfg|cordialement|bien à vous|saludos|atentamente|cordiali saluti|met vriendelijke groet|"
    r"此致|祝好|敬礼|顺祝商祺)[\s,.!，。！-]*$",
    re.IGNORECASE,
)
DISCLAIMER = re.compile(
    r"(?:this (?:e-?mail|message|communication)\b.{0,80}\b(?:confidential|intended)|confidentiality notice|"
    r"diese e-?mail enthält|ce message .{0,40}confidentiel|本邮件.{0,20}(?:保密|机密))",
    re.IGNORECASE,
)
SIGNATURE_LINES = 7
SIGNATURE_WIDTH = 70


def written_text(value: str) -> str:
    """Text as a person reads and wrote it: HTML as text, without quoted mail and signature."""
    return without_signature(without_quotes(plain_text(value)))


def plain_text(value: str) -> str:
    """`value` itself, or its text if it is HTML; line breaks and spaces tidied."""
    if HTML_TAG.search(value):
        value = _html_to_text(value[:LONGEST_HTML])
    elif ENTITY.search(value):
        value = html.unescape(value)
    value = value.replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ").replace("\u200b", "")
    value = re.sub(r"[ \t]+\n", "\n", value)
    return re.sub(r"\n{3,}", "\n\n", value).strip()


def _html_to_text(value: str) -> str:
    """Blocks on lines of their own, links with their address, quoted mail and invisible parts left out."""
    try:
        root = etree.HTML(value, PARSER)
    except (etree.ParserError, ValueError):  # nothing but comments, or control characters
        root = None
    if root is None:
        return re.sub(r"<[^<>]*>", " ", value)
    pieces: list[str] = []
    skipped: etree._Element | None = None  # the outermost of the elements left out
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = element.tag
        if event == "start":
            if skipped is None and (tag in SKIPPED or _is_quoted(element)):
                skipped = element
            if skipped is None:
                pieces.append(OPENING.get(tag, ""))
                pieces.append(_squeezed(element.text, tag))
            continue
        if skipped is None:
            pieces.append(_address(element) if tag == "a" else CLOSING_TAG.get(tag, ""))
        elif skipped is element:
            skipped = None
        if skipped is None:
            pieces.append(_squeezed(element.tail, ""))
    text = re.sub(r"[ \t]*\n[ \t]*", "\n", "".join(pieces))
    return re.sub(r"[ \t]{2,}", " ", re.sub(r"\n{3,}", "\n\n", text))


def _squeezed(text: str | None, tag: str) -> str:
    if not text:
        return ""
    return text if tag == "pre" else SPACE.sub(" ", text)


def _is_quoted(element: etree._Element) -> bool:
    if not element.attrib:
        return False
    if element.tag == "blockquote" and element.get("type") == "cite":
        return True
    return bool(QUOTE_CLASS.search(f"{element.get('class', '')} {element.get('id', '')}"))


def _address(link: etree._Element) -> str:
    """The target of a link in brackets, unless its text says it already."""
    target = (link.get("href") or "").strip()
    shown = "".join(link.itertext()).strip()
    if not target.startswith(("http://", "https://")) or shown.rstrip("/") in target:
        return ""
    return f" ({target})"


def without_quotes(text: str) -> str:
    """Cut where an earlier mail begins, and drop lines quoted with `>`; the text itself if nothing else is left."""
    lines = text.split("\n")
    end = next((i for i in range(len(lines)) if _quote_starts(lines, i)), len(lines))
    kept = [line for line in lines[:end] if not line.lstrip().startswith(">")]
    return "\n".join(kept).strip() or text


def _quote_starts(lines: list[str], i: int) -> bool:
    line = lines[i].strip()
    if not line or len(line) > 400:
        return False
    if DIVIDER.match(line):
        return True
    if HEADER_START.match(line):
        return sum(bool(HEADER_NEXT.match(after.strip()[:60])) for after in lines[i + 1 : i + 6]) >= 2
    # mail programs wrap "On … wrote:" over up to three lines
    return any(WROTE.match(" ".join(part.strip() for part in lines[i : i + n])[:600]) for n in (1, 2, 3))


def without_signature(text: str) -> str:
    """Cut closing formula, name and contact lines, device notes and disclaimers at the end."""
    lines = text.split("\n")
    for i, line in enumerate(lines):
        if i and (DASHES.match(line) or DISCLAIMER.match(line.strip()[:200])):
            lines = lines[:i]
            break
    filled = [i for i, line in enumerate(lines) if line.strip()]
    for i in filled[-SIGNATURE_LINES:]:
        last = filled[filled.index(i) + 1 :]
        if i == filled[0]:
            continue
        short = all(len(lines[j].strip()) <= SIGNATURE_WIDTH and not lines[j].rstrip().endswith("?") for j in last)
        if DEVICE.match(lines[i].strip()) or (last and short and CLOSING.match(lines[i].strip())):
            lines = lines[:i]
            break
    return "\n".join(lines).strip() or text.strip()
