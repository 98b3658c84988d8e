"""The stored history of checks."""

from datetime import UTC, datetime
from typing import Self

from sqlalchemy.orm import Mapped, mapped_column

from .extensions import db
from .fraction import percentage, verdict


class Check(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    fraction: Mapped[int]
    total: Mapped[int]
    checked_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))

    @classmethod
    def store(cls, fraction: int, total: int) -> Self:
        check = cls(fraction=fraction, total=total)
        db.session.add(check)
        db.session.commit()
        return check

    @property
    def percent(self) -> int | None:
        return percentage(self.fraction, self.total)

    @property
    def verdict(self) -> str:
        return verdict(self.fraction, self.total)
