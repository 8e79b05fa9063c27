"""Names for the demo district's geography. Communities and their codes are real (National Bureau of Statistics, 2023);
streets, compounds, firms and schools are invented."""

from __future__ import annotations

DISTRICT = ("340121400", "双凤经济开发区", "Shuangfeng Economic Development Zone")
FIRST_LEVEL = {
    "01": ("西北片区一级网格", "North-west first-level grid"),
    "02": ("东北片区一级网格", "North-east first-level grid"),
    "03": ("西南片区一级网格", "South-west first-level grid"),
    "04": ("东南片区一级网格", "South-east first-level grid"),
}
# first-level segment → communities (segment, 中文, English), in the order of their parts in `geography.PARTS`
COMMUNITIES = {
    "01": [("014", "洪塘社区", "Hongtang Community"), ("018", "金宁社区", "Jinning Community"),
           ("013", "大陆社区", "Dalu Community")],
    "02": [("020", "邻湖社区", "Linhu Community"), ("011", "梅冲湖社区", "Meichong Lake Community"),
           ("010", "共和城社区", "Gonghecheng Community")],
    "03": [("001", "徐桥社区", "Xuqiao Community"), ("015", "宇桥社区", "Yuqiao Community"),
           ("006", "凤霞社区", "Fengxia Community")],
    "04": [("012", "万里社区", "Wanli Community"), ("008", "凤梅社区", "Fengmei Community"),
           ("009", "阿奎利亚社区", "Aquilia Community")],
}  # fmt: skip
NUMERALS = "一二三四五六七八九十"
STREETS_NS = [("西环路", "Xihuan Road"), ("金宁路", "Jinning Road"), ("洪塘路", "Hongtang Road"),
              ("徐桥路", "Xuqiao Road"),
              ("凤霞路", "Fengxia Road"), ("双凤大道", "Shuangfeng Avenue"), ("万里路", "Wanli Road"),
              ("凤梅路", "Fengmei Road"), ("邻湖路", "Linhu Road"), ("东环路", "Donghuan Road")]  # fmt: skip
STREETS_EW = [("南环路", "Nanhuan Road"), ("文明路", "Wenming Road"), ("宁夏路", "Ningxia Road"),
              ("梧桐路", "Wutong Road"),
              ("鸣凤路", "Mingfeng Road"), ("凤湖大道", "Fenghu Avenue"), ("梅冲路", "Meichong Road"),
              ("兴业路", "Xingye Road"), ("科创路", "Kechuang Road"), ("双墩路", "Shuangdun Road"),
              ("北环路", "Beihuan Road")]  # fmt: skip
FIRST = [("幸福", "Happiness"), ("北辰", "North Star"), ("翠湖", "Jade Lake"), ("梅香", "Plum Scent"),
         ("凤栖", "Phoenix Rest"), ("锦绣", "Brocade"), ("阳光", "Sunshine"), ("春江", "Spring River"),
         ("碧水", "Clear Water"), ("和谐", "Harmony"), ("金桂", "Osmanthus"), ("云锦", "Cloud Silk"),
         ("桃源", "Peach Spring"), ("兰亭", "Orchid Pavilion"), ("玉兰", "Magnolia"), ("枫林", "Maple Grove"),
         ("荷塘", "Lotus Pond"), ("松涛", "Pine Breeze"), ("竹韵", "Bamboo"), ("柳岸", "Willow Bank"),
         ("书香", "Bookside")]  # fmt: skip
SECOND = [("家园", "Gardens"), ("雅苑", "Court"), ("新村", "New Village")]
FUNDING = {"government": "政府投资", "developer": "开发商建设", "owners": "业主与物业筹资", "operator": "运营商合作"}
DEDICATED = [
    ("mall", "凤麟购物中心", "Fenglin Shopping Centre"), ("mall", "鸣凤广场", "Mingfeng Plaza"),
    ("mall", "邻湖生活广场", "Linhu Living Plaza"), ("mall", "万里集市", "Wanli Market"),
    ("enterprise", "皖北机械园", "Wanbei Machinery Park"), ("enterprise", "双凤食品厂", "Shuangfeng Foods"),
    ("enterprise", "金宁物流园", "Jinning Logistics Park"), ("enterprise", "科创孵化园", "Innovation Incubator"),
    ("enterprise", "洪塘纺织厂", "Hongtang Textiles"), ("enterprise", "兴业电子园", "Xingye Electronics Park"),
    ("enterprise", "大陆包装厂", "Dalu Packaging"), ("enterprise", "双墩冷链仓", "Shuangdun Cold Store"),
    ("enterprise", "宇桥建材场", "Yuqiao Building Materials"), ("enterprise", "北环新能源厂", "Beihuan New Energy"),
    ("school", "双凤实验小学", "Shuangfeng Experimental Primary School"),
    ("school", "万里小学", "Wanli Primary School"),
    ("school", "凤霞中学", "Fengxia Middle School"), ("school", "梅冲湖小学", "Meichong Lake Primary School"),
    ("school", "徐桥小学", "Xuqiao Primary School"), ("school", "共和城中学", "Gonghecheng Middle School"),
    ("school", "凤梅幼儿园", "Fengmei Kindergarten"), ("school", "金宁职业学校", "Jinning Vocational School"),
]  # fmt: skip


def compound_names(count: int) -> list[tuple[str, str]]:
    made = [(a + c, f"{b} {d}") for c, d in SECOND for a, b in FIRST]
    return made[:count]
