"""Sentences of customers with their mood, written for this product, from which the shipped mood heads are learnt.

Things and judgements are combined, so that what is learnt is the judgement and not the thing. English and Chinese.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Sentiment = Literal["negative", "neutral", "positive"]


@dataclass(frozen=True, slots=True)
class MoodSentence:
    """A text, how it sounds, and whether it cannot wait; None where it does not say."""

    text: str
    sentiment: Sentiment | None
    urgent: bool | None


@dataclass(frozen=True, slots=True)
class Words:
    """One language: things, what is said of them (`{}`), and sentences that stand alone, one a line."""

    things: str
    negative: str
    positive: str
    neutral: str
    urgent: str
    calm: str


ENGLISH = Words(
    things="my order|the parcel|the delivery|your app|the lamp|your website|the refund|my account|your support"
    "|the invoice|the agent|my booking|the product|this subscription",
    negative="""
{} is terrible
{} still does not work
{} is a complete joke
why is {} always broken
i am so disappointed with {}
{} was damaged and nobody cares
{} never arrived and you keep ignoring me
i hate {}
{} is the worst i have ever had
{} ruined my whole week
i have been waiting for {} for three weeks, this is unacceptable
{} is useless and a waste of money
nobody can tell me what happened to {}, ridiculous
i am fed up with {}
{} failed again
what a nightmare {} is
{} is not what i paid for
i want to complain about {}
{} is rude and unhelpful
{} is late again, thanks for nothing
not happy with {} at all
{} was never good
you people lied to me about {}
{} is overpriced rubbish
shame on you for {}
i have been on hold for hours about {}, this is ridiculous
what a ridiculous way to handle {}
unacceptable that {} takes this long
two hours wasted on {}, awful
i will never buy from you again because of {}
{} charged me twice and no one answers
frustrated does not begin to describe how i feel about {}
i have asked five times about {} and still no answer
""",
    positive="""
{} is great
thank you so much for {}
i love {}
{} works perfectly now
{} arrived early, fantastic
i am very happy with {}
{} is the best
wonderful, {} is exactly what i wanted
you were so helpful with {}, thanks
amazing service, {} was quick
{} is beautiful and well made
really impressed with {}
great job with {}
{} was easy and friendly
i would recommend {} to everyone
no complaints about {}, all good
brilliant, {} is sorted
{} made my day
so pleased with {}
perfect, {} is here, you rock
""",
    neutral="""
where is {}
how do i change {}
can i cancel {}
what does {} cost
i would like to ask about {}
when can i expect {}
how long does {} take
does {} come in blue
please send me details of {}
i have a question about {}
can you tell me more about {}
is {} available on sunday
i want to update {}
which options are there for {}
what is the status of {}
do i need a receipt for {}
my number is 4711, it is about {}
i moved and need to tell you for {}
is there a warranty on {}
can a friend pick up {}
i got {} yesterday, how do i set it up
""",
    urgent="""
i need {} today
i need an answer about {} right now
please hurry, it is urgent: {}
{} must be here by tomorrow morning, i leave at noon
asap please, {}
i am standing at the door and {} does not open
this cannot wait, {} has to be fixed immediately
my flight leaves in two hours and {} is missing
emergency, someone else is using {}
my card was stolen, block {} now
there is smoke coming out of it, what do i do about {}
i am locked out and need {} within the hour
the event is tonight, where is {}
stop {} at once, they are charging me right now
please call me immediately about {}
the deadline for {} is today
i am stuck at the airport without {}
urgent
""",
    calm="""
no rush, whenever you have time: {}
just curious about {}
some day i would like {}
next month is fine for {}
take your time with {}
no hurry with {}
""",
)

CHINESE = Words(
    things="我的订单|包裹|快递|你们的软件|这个台灯|网站|退款|我的账户|客服|发票|外卖|这件商品|会员|送餐",
    negative="""
{}太差了
{}还是不能用
{}简直是笑话
{}一直没有到，太慢了
对{}非常失望
{}坏了没人管
{}等了三个星期，无法接受
讨厌{}
{}是我用过最差的
{}浪费钱
{}又出问题了，烦死了
我要投诉{}
{}态度恶劣
{}迟到了，差评
{}一点也不好
{}骗人
{}又贵又难吃
再也不买了，{}让人生气
{}扣了两次钱，没人回复
{}问了五遍都没人理
{}质量不行，很糟糕
{}不满意
垃圾{}
{}少了东西
{}太让人无语了
等了两个小时{}还没到
{}太差了，不会再来
{}送错了，态度还差
{}很难吃
{}太慢
""",
    positive="""
{}很好
谢谢，{}帮了大忙
很喜欢{}
{}非常快
{}提前到了，太棒了
对{}很满意
{}最好了
{}味道不错
{}服务周到，给好评
{}又快又好
{}质量很好，很漂亮
推荐{}
{}态度很好
{}解决了，太感谢了
{}没有问题，很完美
{}物美价廉
点赞{}
{}好吃，下次还来
{}超出预期
""",
    neutral="""
{}在哪里
怎么修改{}
可以取消{}吗
{}多少钱
想问一下{}
{}什么时候到
{}需要多久
{}有蓝色的吗
请发{}的资料
关于{}有个问题
能介绍一下{}吗
{}周日可以用吗
我想更新{}
{}有哪些选择
{}现在是什么状态
{}需要收据吗
{}有保修吗
朋友可以代取{}吗
{}昨天收到了，怎么安装
请问怎么退{}
{}坏了怎么办
多久可以退{}
""",
    urgent="""
今天就要{}
马上告诉我{}的情况
很急，{}怎么办
{}明天早上之前必须到，我中午就走
请尽快处理{}
{}不能等，立刻解决
飞机两小时后起飞，{}还没有
紧急，有人在盗用{}
卡被偷了，马上冻结{}
冒烟了，{}怎么办
我被锁在外面了，{}一小时内要
活动就在今晚，{}在哪
立即停止{}，正在扣钱
请马上打电话给我，{}
{}今天截止
加急
""",
    calm="""
不急，有空再看{}
只是随便问问{}
{}下个月也可以
{}慢慢来
""",
)

EACH = 6  # things that each pattern is said of


def mood_sentences() -> Iterator[MoodSentence]:
    """All of them, in a fixed order."""
    for words in (ENGLISH, CHINESE):
        yield from _said(words.negative, words, "negative", None)
        yield from _said(words.positive, words, "positive", False)
        yield from _said(words.neutral, words, "neutral", False)
        yield from _said(words.urgent, words, "neutral", True)
        yield from _said(words.calm, words, "neutral", False)


def _said(patterns: str, words: Words, sentiment: Sentiment | None, urgent: bool | None) -> Iterator[MoodSentence]:
    things = words.things.split("|")
    for number, pattern in enumerate(filter(None, patterns.splitlines())):
        chosen = {things[(number * 5 + step * 3) % len(things)] for step in range(EACH)}
        texts = sorted({pattern.replace("{}", thing) for thing in chosen})
        yield from (MoodSentence(text, sentiment, urgent) for text in texts)
