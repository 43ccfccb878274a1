import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources import markup


@pytest.mark.parametrize(
    ("exported", "text"),
    [
        ("第一行<br>第二行<br />第三行", "第一行\n第二行\n第三行"),
        (
            '晚安<span class="url-icon"><img alt=[月亮] src="https://face.example/m.png" style="width:1em;" /></span>',
            "晚安[月亮]",
        ),
        ('笑死<img src="//x.example/d.png" alt="[doge]">', "笑死[doge]"),
        ('图<img src="//x.example/d.png">', "图"),
        ("<p>一段</p><p>又一段</p>", "一段\n又一段\n"),
        ("<a href='/n/阿葵'>@阿葵</a> 你看<em>豆腐</em>", "@阿葵 你看豆腐"),
        ("鱼&amp;虾&nbsp;&lt;三斤&gt; &#x1F41F;", "鱼&虾\xa0<三斤> 🐟"),
        ("&lt;br&gt;是打出来的", "<br>是打出来的"),
        ("http://s.example/?a=1&copy=2", "http://s.example/?a=1&copy=2"),
        ("a<b 而且 c>d，<3", "a<b 而且 c>d，<3"),
        ("<script>加微信看</script>", "<script>加微信看</script>"),
        ("<小时代>看完了<!-- 私信我", "<小时代>看完了<!-- 私信我"),
        ("断在<img alt=", "断在<img alt="),
    ],
)
def test_markup_of_platforms_becomes_text_and_nothing_else_is_hidden(exported, text):
    assert markup.to_text(pa.array([exported, "原样"])).to_pylist() == [text, "原样"]


@pytest.mark.parametrize("text", ["下周开张 ...全文", "下周开张…全文", "说来话长...展开c", "说来话长 展开"])
def test_end_of_a_cut_text_is_seen(text):
    assert markup.is_truncated(pa.array([text])).to_pylist() == [True]


@pytest.mark.parametrize("text", ["活动正式展开", "请看全文", "...全文在后面", ""])
def test_ordinary_end_is_no_cut(text):
    assert markup.is_truncated(pa.array([text])).to_pylist() == [False]


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ("#搬家日记#薄荷活了#阳台#", ["搬家日记", "阳台"]),
        ("#早餐##豆浆#", ["早餐", "豆浆"]),
        ("今天 #收音机 #老物件\n好听", ["收音机", "老物件"]),
        ("#烘焙新手[话题]# #翻车[话题]#", ["烘焙新手", "翻车"]),
        ("#New York 散步#", ["New York 散步"]),
        ("排名第#1，不是话题", []),
        ("# #", []),
    ],
)
def test_topics_are_found_in_every_platforms_form(text, topics):
    assert markup.find_all(pa.array([text]), markup.TOPIC).to_pylist() == [topics]


def test_mentions_and_links_are_found_and_mail_is_no_mention():
    text = pa.array(["@阿葵不熬夜: 看 https://s.example/a?b=1，来信 me@mail.example", "没有"])
    assert markup.find_all(text, markup.MENTION).to_pylist() == [["阿葵不熬夜"], []]
    assert markup.find_all(text, markup.LINK).to_pylist() == [["https://s.example/a?b=1"], []]


@pytest.mark.parametrize(
    ("written", "items"),
    [
        ("早市,莲蓬", ["早市", "莲蓬"]),
        ("早市，莲蓬", ["早市", "莲蓬"]),
        ('["早市", "莲蓬"]', ["早市", "莲蓬"]),
        ("a,b\x1fc\x1f", ["a,b", "c"]),
        ("#早市#", ["早市"]),
        ("", []),
        (None, []),
    ],
)
def test_list_in_a_cell_is_split(written, items):
    assert markup.split_items(pa.array([written, "独"], pa.string())).to_pylist() == [items, ["独"]]


def test_text_that_would_break_the_joining_of_texts_is_cleaned():
    assert markup.clean(pa.array(["一\x00二\x1e三"])).to_pylist() == ["一二 三"]


@given(st.lists(st.text(alphabet="<>/ab r=\"'&;#x3p[话题]@#\n 中", max_size=30), max_size=6))
def test_any_text_is_read_alone_as_beside_others(texts):
    together = markup.to_text(pa.array(texts, pa.string())).to_pylist()
    assert together == [markup.to_text(pa.array([text])).to_pylist()[0] for text in texts]
    topics = markup.find_all(pa.array(together, pa.string()), markup.TOPIC).to_pylist()
    assert topics == [markup.find_all(pa.array([text]), markup.TOPIC).to_pylist()[0] for text in together]
