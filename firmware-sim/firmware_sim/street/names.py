"""Invented names of places and people, plausible and never twice where that would confuse. Pure."""

from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Final

_FIRST: Final = "枫柳桃杏梅兰荷桂松竹梧桐榆槐莲菊青碧清澄锦绣云霞晨朝春秋望映临沁听观怀吉安和永长福康宁嘉瑞"
_SECOND: Final = "溪塘河湾浦泾滨渡桥堰岸洲渚汀泽湖泉源园林苑坊里庭巷街门楼亭台阁岭坡岗屏原"
_ESTATE_ENDS: Final = ("新村", "花园", "雅苑", "家园", "公寓", "名邸", "佳苑", "华庭", "小区", "里弄")
_BLOCK_FIRST: Final = "汇恒鼎盛金融环信万隆天瑞嘉中诚宏广润新华"
_BLOCK_SECOND: Final = "金达泰业通融联丰和源海城元利康"
_BLOCK_ENDS: Final = ("大厦", "广场", "中心", "商务楼", "国际")
_SURNAMES: Final = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏"
    "魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵"
    "万钱严覃武戴莫孔向汤"
)
_GIVEN_ONE: Final = (
    "建国志文海玉秀桂美晓红春德永光明家国立新俊学金凤淑丽慧雪宝福振庆景维亚素兰惠月爱世克启仁守"
)
_GIVEN_TWO: Final = (
    "华平军明英兰芳珍萍梅琴芬云霞燕娟莲香荣根林福生祥强伟斌涛勇辉龙峰超杰敏洁静颖莉芹凡民忠良松柏泉江"
)

PURPOSES: Final = (
    ("school", ("小学", "中学", "幼儿园")),
    ("park", ("科技园", "产业园")),
    ("market", ("农贸市场", "商业街")),
    ("hospital", ("社区医院", "颐养院")),
    ("other", ("文体中心", "交通枢纽")),
)
"""What dedicated grids without a business block are for, and how such places are called."""


class Namer:
    """Hands out names of places, each stem once."""

    def __init__(self, chance: Random) -> None:
        """Shuffle what can be made of the characters at hand."""
        self._stems = iter(_shuffled((a + b for a, b in product(_FIRST, _SECOND)), chance))
        self._blocks = iter(
            _shuffled((a + b for a, b in product(_BLOCK_FIRST, _BLOCK_SECOND) if a != b), chance)
        )
        self._chance = chance

    def stem(self) -> str:
        """Return two characters that no place has yet."""
        return next(self._stems)

    def estate(self) -> str:
        """Return the name of a housing estate."""
        return self.stem() + self._chance.choice(_ESTATE_ENDS)

    def block(self) -> str:
        """Return the name of a business block."""
        return next(self._blocks) + self._chance.choice(_BLOCK_ENDS)


def person_name(chance: Random) -> str:
    """Return somebody's name; two people may share one, as in life."""
    surname = chance.choice(_SURNAMES)
    if chance.random() < 0.15:  # noqa: PLR2004 - the share of given names of one character
        return surname + chance.choice(_GIVEN_TWO)
    return surname + chance.choice(_GIVEN_ONE) + chance.choice(_GIVEN_TWO)


def ordinal(number: int) -> str:
    """Return a number below 100 in Chinese."""
    digits = "零一二三四五六七八九"
    tens, ones = divmod(number, 10)
    if not tens:
        return digits[ones]
    first = "" if tens == 1 else digits[tens]
    return f"{first}十{digits[ones] if ones else ''}"


def _shuffled(words: Iterator[str], chance: Random) -> list[str]:
    made = list(words)
    chance.shuffle(made)
    return made
