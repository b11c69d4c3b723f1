"""Find the names of people in Chinese text by surnames, forms of address and introducing words.

Knows nothing of names in other scripts.
"""

from __future__ import annotations

import re

DOUBLE = "欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|司徒|令狐|夏侯|轩辕|端木|南宫|独孤"
SINGLE = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾萧肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付傅方白邹"
    "孟熊秦邱江尹薛闫阎段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童"
    "凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬"
)
SURNAME = f"(?:{DOUBLE}|[{SINGLE}])"
HAN = "[\u4e00-\u9fff]"
# characters that follow a name and so are no part of it
STOP = "的是在和跟与及说给让把被到去来要想请帮我你他她们您从对了吗吧啊呢就都也还有没不很谢"
ADDRESS = "先生|女士|小姐(?!姐)|太太|夫人|老师|经理|主管|师傅|医生|大夫|教授|律师|同学|同志|阿姨|叔叔"
GIVEN = f"(?:(?![{STOP}]|{ADDRESS}){HAN}){{1,2}}(?:·{HAN}+)?"
ENDS = f"(?={ADDRESS}|[^\u4e00-\u9fff]|$)"

INTRODUCED = re.compile(
    r"(?:我叫|我的名字(?:是|叫)|名字(?:是|叫|为)[:：]?|姓名(?:是|为)?[:：]?|叫做|名叫|本人|户主|称呼[:：]"
    r"|(?:联系|收件|收货|寄件|持卡|预订|预定)人(?:是|为)?[:：]?|(?:乘客|旅客|住客|客户|用户)(?:名|姓名)?(?:是|为|[:：]))\s*"
    f"(?P<name>{SURNAME}{GIVEN})"
)
# "I am …" and "this is …" introduce much else, so the name must end the phrase
PRESENTED = re.compile(f"(?:我是|这里是)(?P<name>{SURNAME}{GIVEN}){ENDS}")
ADDRESSED = re.compile(f"(?P<name>{SURNAME}(?:(?![{STOP}]){HAN}){{0,2}}?)(?={ADDRESS})")
FAMILY = re.compile(f"(?:我姓|免贵姓|贵姓|姓)(?P<name>{SURNAME})(?!{HAN}?名)")


def find_chinese_names(text: str) -> list[tuple[int, int]]:
    """Character ranges of Chinese person names in `text`: introduced, addressed by title, or a family name told."""
    ranges = {
        match.span("name") for pattern in (INTRODUCED, PRESENTED, ADDRESSED, FAMILY) for match in pattern.finditer(text)
    }
    chosen: list[tuple[int, int]] = []
    for start, end in sorted(ranges, key=lambda r: (r[0], -r[1])):
        if not chosen or start >= chosen[-1][1]:
            chosen.append((start, end))
    return chosen
