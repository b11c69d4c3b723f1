"""The words people see in the web chat, one frozen record per language.

Knows nothing of pages or of what the assistant itself says (assistant/phrases.py). `{…}` are filled where shown.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """One language's words of the user interface."""

    name: str  # of the language, in itself
    subtitle: str
    greeting: str
    invitation: str
    placeholder: str
    message: str
    send: str
    stop: str
    new_conversation: str
    language: str
    talk_to_person: str
    person: str  # the same, where there is little room
    you: str
    assistant: str
    colleague: str
    typing: str
    fine_print: str
    latest: str
    # sources
    sources: str
    source: str
    quoted_from: str
    page: str
    row: str
    open_page: str
    source_gone: str
    close: str
    # ratings
    helpful: str
    not_helpful: str
    thanks_for_rating: str
    comment_good: str
    comment_bad: str
    send_comment: str
    skip: str
    comment_sent: str
    # a person
    person_title: str
    person_text: str
    person_wait_hours: str
    person_wait_hour: str
    person_wait_day: str
    person_wait_days: str
    person_keep_writing: str
    person_ask: str
    person_not_now: str
    waiting: str
    contact_address: str
    contact_text: str
    contact_send: str
    contact_sent: str
    satisfaction_ask: str
    satisfaction_score: str
    satisfaction_thanks: str
    with_person: str
    closed: str
    # when something is not as it should be
    stopped: str
    unanswered: str
    try_again: str
    problem_connection: str
    problem_rate: str
    problem_busy: str
    problem_unavailable: str
    problem_gone: str
    problem_closed: str
    problem_too_long: str
    problem_incident: str


ENGLISH = Words(
    name="English",
    subtitle="Assistant",
    greeting="Hello, this is {company}.",
    invitation="Ask me anything about our shop. I answer from our help pages and show you where it is written.",
    placeholder="Ask a question",
    message="Your message",
    send="Send",
    stop="Stop",
    new_conversation="New conversation",
    language="Language",
    talk_to_person="Talk to a person",
    person="Person",
    you="You",
    assistant="Assistant",
    colleague="Our team",
    typing="The assistant is writing",
    fine_print="Automatic answers from our help pages. Please do not share passwords or card numbers.",
    latest="Jump to the latest message",
    sources="Sources",
    source="Source {number}",
    quoted_from="From our help pages",
    page="page {number}",
    row="entry {number}",
    open_page="Open the page",
    source_gone="This help page has changed since. This is what the answer was based on.",
    close="Close",
    helpful="Helpful",
    not_helpful="Not helpful",
    thanks_for_rating="Thank you!",
    comment_good="What did you like? (optional)",
    comment_bad="What was wrong or missing? (optional)",
    send_comment="Send",
    skip="Skip",
    comment_sent="Thank you, we have noted it.",
    person_title="Talk to a person",
    person_text="A colleague will read this conversation and answer you right here.",
    person_wait_hours="It usually takes less than {number} hours.",
    person_wait_hour="It usually takes less than an hour.",
    person_wait_day="It usually takes less than one working day.",
    person_wait_days="It usually takes less than {number} working days.",
    person_keep_writing="Meanwhile you can keep writing. You may also close this page: this browser remembers it.",
    person_ask="Ask for a person",
    person_not_now="Not now",
    waiting="A colleague has been asked to join.",
    contact_address="Your e-mail address or phone number",
    contact_text="What should we answer?",
    contact_send="Leave a message",
    contact_sent="Thank you. We have your message and will answer it.",
    satisfaction_ask="How was this conversation?",
    satisfaction_score="{number} of 5",
    satisfaction_thanks="Thank you for your rating.",
    with_person="You are talking to our team.",
    closed="This conversation is closed.",
    stopped="Stopped.",
    unanswered="This message has no answer yet.",
    try_again="Try again",
    problem_connection="I could not reach the server.",
    problem_rate="That was quick! Please wait {number} seconds.",
    problem_busy="Many people are asking right now. Please try again in a moment.",
    problem_unavailable="I cannot look things up right now. Please try again in a minute.",
    problem_gone="This conversation can no longer be opened here. Please start a new one.",
    problem_closed="This conversation is closed. Please start a new one.",
    problem_too_long="That is a little too long. Please stay below {number} characters.",
    problem_incident="Something broke on our side, and we have a note of it ({incident}).",
)

CHINESE = Words(
    name="中文",
    subtitle="智能客服",
    greeting="您好，这里是 {company}。",
    invitation="有什么想了解的，尽管问我。我会根据帮助资料回答，并告诉您出处。",
    placeholder="请输入您的问题",
    message="您的消息",
    send="发送",
    stop="停止",
    new_conversation="新对话",
    language="语言",
    talk_to_person="人工客服",
    person="人工",
    you="您",
    assistant="智能客服",
    colleague="我们的同事",
    typing="正在输入",
    fine_print="回答根据帮助资料自动生成，请勿发送密码或银行卡号。",
    latest="回到最新消息",
    sources="来源",
    source="来源 {number}",
    quoted_from="摘自帮助资料",
    page="第 {number} 页",
    row="第 {number} 条",
    open_page="打开页面",
    source_gone="这份资料后来有更新，以下是回答当时所依据的内容。",
    close="关闭",
    helpful="有帮助",
    not_helpful="没有帮助",
    thanks_for_rating="谢谢您的评价！",
    comment_good="您喜欢哪一点？（选填）",
    comment_bad="哪里不对，或者缺少什么？（选填）",
    send_comment="提交",
    skip="跳过",
    comment_sent="谢谢，我们已经记下了。",
    person_title="联系人工客服",
    person_text="我们的同事会阅读这段对话，并直接在这里回复您。",
    person_wait_hours="通常在 {number} 小时之内。",
    person_wait_hour="通常在一小时之内。",
    person_wait_day="通常在一个工作日之内。",
    person_wait_days="通常在 {number} 个工作日之内。",
    person_keep_writing="等待期间您可以继续留言，也可以关闭页面：此浏览器会保留这段对话。",
    person_ask="转接人工客服",
    person_not_now="暂时不用",
    waiting="已经请同事加入对话。",
    contact_address="您的邮箱或电话",
    contact_text="您希望我们回复什么？",
    contact_send="留言",
    contact_sent="谢谢，我们已收到您的留言，会回复您。",
    satisfaction_ask="您对这次对话满意吗？",
    satisfaction_score="{number} 分（满分 5 分）",
    satisfaction_thanks="感谢您的评价。",
    with_person="您正在与我们的同事对话。",
    closed="这段对话已经结束。",
    stopped="已停止。",
    unanswered="这条消息还没有得到回答。",
    try_again="重试",
    problem_connection="暂时连接不上服务器。",
    problem_rate="您发得有点快，请等待 {number} 秒。",
    problem_busy="现在咨询的人较多，请稍后再试。",
    problem_unavailable="暂时无法查阅资料，请过一分钟再试。",
    problem_gone="这里无法再打开这段对话，请开始新的对话。",
    problem_closed="这段对话已经结束，请开始新的对话。",
    problem_too_long="内容有点长，请控制在 {number} 个字以内。",
    problem_incident="我们这边出了点问题，已经记录下来（{incident}）。",
)

WORDS = {"en": ENGLISH, "zh": CHINESE}
