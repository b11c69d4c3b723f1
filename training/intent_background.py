"""Sentences that are no company's business: what people say to any chat that the team's intents do not cover.

Written for this product. They show the acceptor what out of scope looks like before a team has examples of its own.
"""

from __future__ import annotations

ENGLISH = """
hi
hello there
ok
okay thanks
yes
no
hmm
what
good morning
are you there
who are you
are you a robot
can you hear me
i don't understand
never mind
nothing
test
asdf
lol
how old are you
do you like music
tell me a joke
i love you
you are stupid
this is useless
what a nice day
what is the weather like tomorrow
who won the football match last night
what is the capital of australia
how tall is mount everest
who wrote this song
how many ounces are in a pound
solve this equation for x
translate good night into italian
write a poem about the sea
give me a recipe for lentil soup
how long should i boil an egg
play some jazz
set an alarm for six
turn on the kitchen lights
what time is it in tokyo
remind me to call my mother
what should i wear tonight
recommend a good film
when was the first moon landing
how do i learn to play the piano
why is the sky blue
is there life on mars
how many people live in brazil
what does this word mean
who is the prime minister
how do i fix a leaking tap
what is the fastest train in the world
can dogs eat grapes
how do i get rid of ants
what is the meaning of life
do aliens exist
how far is the airport
book me a table for four
i need a plumber
my back hurts
what is a healthy breakfast
how do i tie a tie
explain photosynthesis
who painted the starry night
which stocks should i buy
i am bored
i feel sad today
my neighbours are noisy
can you lend me some money
what is your favourite colour
where do you live
do you have a family
sing me a song
let us play a game
how do i write a cover letter
how do i start a garden
how does a bicycle stay upright
i want to apply for a job
are you hiring
i am a journalist and have a question
do you offer internships
who is your boss
where can i park my car
what is python used for
how do i change a tyre
my phone screen is cracked
how do i reset my router
is it going to rain
what is the exchange rate of the yen
who invented the telephone
what is the plot of that film
when is the next full moon
how do you spell necessary
i had a strange dream
you are very helpful
that was not what i asked
please read my last message
i already told you that
how are you doing today
call me
send me a picture
my name is anna
i am from delhi
24
?
"""

CHINESE = """
你好
在吗
嗯
好的
谢谢
不是
什么
哈哈
测试
你是谁
你是机器人吗
你多大了
给我讲个笑话
今天天气怎么样
明天会下雨吗
现在几点了
谁赢了昨晚的比赛
法国的首都是哪里
珠穆朗玛峰有多高
帮我写一首诗
放一首歌
定一个六点的闹钟
推荐一部电影
怎么做红烧肉
鸡蛋要煮多久
为什么天空是蓝色的
我好无聊
我今天很难过
我爱你
你真笨
怎么学钢琴
水龙头漏水怎么办
狗可以吃葡萄吗
帮我订一张桌子
我要应聘
你们招人吗
哪只股票会涨
你喜欢什么颜色
我刚才已经说过了
你没听懂我的意思
"""

SENTENCES = tuple(line for line in (ENGLISH + CHINESE).splitlines() if line)
