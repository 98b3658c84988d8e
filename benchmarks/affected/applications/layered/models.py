"""The texts of the models and services of an area."""

from __future__ import annotations

MODEL_HEAD = '''"""The $area."""

from dataclasses import asdict, dataclass

from ..core.entity import $base, fields_of
from ..core.money import Money, total
from ..core.text import plural, shorten

LIMIT = $limit
KINDS = ($kinds)
NAMES = {kind: kind.upper() for kind in KINDS}


@dataclass
class Size:
    """The size of one of the $area."""

    width: int
    height: int = $step
    unit: str = "cm"


class Options:
    """What can be chosen, as fields that are read by their annotations."""

    color: str
    count: int = 1


class $model($base):
    """One of the $area."""

    prefix = "$prefix"
    step = $step
    tax = $tax
    colors = ["red", "green", "blue"]

    def __init__(self, number, kind=KINDS[0]):
        super().__init__(number)
        self.kind = kind

    def label(self):
        return f"{self.prefix}-{self.number:03d} {self.kind}"

    def color(self):
        return self.colors[self.number % len(self.colors)]

    def as_object(self):
        size = asdict(Size(self.number % 5, unit="mm" if self.kind == KINDS[0] else "cm"))
        return {**super().as_object(), "size": size, "options": fields_of(Options)}

    def price(self, factor=1):
        return Money(self.number * self.step + len(self.kind)) * factor

    def discount(self, percent=$percent):
        return self.price() * ((100 - percent) / 100)

    def parts(self, count=3):
        return [shorten(f"part {index} of {self.label()}", 14) for index in range(count)]
'''

MODEL_STATUS = (
    """
    def status(self):
        if self.number > LIMIT:
            return "archived"
        if self.number % $mod == 0:
            return "open"
        return "closed"
""",
    """
    def status(self):
        for limit, name in ((LIMIT // 2, "low"), (LIMIT, "middle")):
            if self.number <= limit:
                return name
        return "high"
""",
    """
    def status(self):
        state = self.number % $mod
        return "ready" if not state else "waiting" if state == 1 else "done"
""",
)

MODEL_MORE = (
    """
    @classmethod
    def of(cls, text):
        number, _, kind = text.partition("-")
        return cls(int(number), kind or KINDS[-1])
""",
    """
    @property
    def long_name(self):
        return f"{NAMES[self.kind]} {self.describe()}"
""",
    """
    @staticmethod
    def sum(items):
        return str(total(item.price() for item in items))
""",
    """
    def __len__(self):
        return 1 + self.number % 3
""",
    """
    def neighbours(self):
        found = []
        for number in (self.number - 1, self.number + 1):
            if number < 1:
                continue
            found.append(type(self)(number, self.kind).label())
        return found
""",
)

MODEL_SPECIAL = '''

class Special$model($model):
    """A special one of the $area."""

    prefix = "S"
    unit = "box"

    def extra(self):
        return plural(self.number % 4, "bonus point")

    def discount(self, percent=$percent):
        return super().discount(percent + 5)


def make(number):
    """The right one of the $area of a number."""
    kind = KINDS[number % len(KINDS)]
    return Special$model(number, kind) if number % $mod == 1 else $model(number, kind)
'''

SERVICE_HEAD = '''"""The service for $area."""

from ..core.service import $mixin, Service
from . import model


class ${model}Service($mixin, Service):
    """Finds the $area."""

    count = $count
    size = $size
    required = $required

    def build(self, number):
        return model.make(number)

    def of_kind(self, kind):
        return [item for item in self.all() if item.kind == kind]

    def cheapest(self, count=3):
        return sorted(self.all(), key=lambda item: (item.price().cents, item.number))[:count]

    def search(self, text):
        text = text.lower()
        return [item for item in self.all() if text and text in item.describe().lower()]
'''

SERVICE_MORE = (
    """
    def visible(self, item):
        return item.number != $mod
""",
    """
    def order(self, item):
        return -item.number
""",
    """
    def after(self, item):
        item.seen = True
        return item
""",
    """
    def prepare(self, values):
        return {**super().prepare(values), "by": "$area"}
""",
    """
    def exists(self, number):
        return super().exists(number) and number != $limit
""",
)

SERVICE_OTHER = '''

def related(number):
    """Those of the $other that belong to one of the $area."""
    from ..$other.service import SERVICE as others

    return [item.label() for item in others.all() if item.number % $mod == number % $mod][:4]
'''

SERVICE_END = """

SERVICE = ${model}Service()
"""
