"""The ordinary view: rows from a database, some arithmetic, a template."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, render_template, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

PATHS = ["/", "/?kind=tea", "/item/7"]

KINDS = {"tea": 7, "cup": 19}


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


class Item(db.Model):  # type: ignore[name-defined]
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    cents: Mapped[int]
    stock: Mapped[int]

    @property
    def price(self) -> str:
        cents = with_tax(self.cents, self.kind)
        if self.stock > 10:
            cents -= cents // 20
        return f"{cents // 100}.{cents % 100:02}"

    @property
    def availability(self) -> str:
        if not self.stock:
            return "sold out"
        return "few left" if self.stock < 5 else "in stock"


def with_tax(cents: int, kind: str) -> int:
    rate = KINDS.get(kind, 19)
    return cents + cents * rate // 100


def create_app() -> Flask:
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{Path.cwd() / 'shop.sqlite3'}"
    db.init_app(app)
    with app.app_context():
        db.create_all()
        db.session.add_all(
            Item(name=f"Item {number}", kind=("tea", "cup")[number % 2], cents=150 + 37 * number, stock=number % 13)
            for number in range(20)
        )
        db.session.commit()
    return app


app = create_app()


@app.get("/")
def index() -> str:
    query = db.select(Item).order_by(Item.name)
    kind = request.args.get("kind")
    if kind is not None:
        query = query.where(Item.kind == kind)
    items = db.session.scalars(query).all()
    return render_template("items.html", items=items, sold_out=sum(not item.stock for item in items))


@app.get("/item/<int:number>")
def item(number: int) -> str:
    return render_template("item.html", item=db.get_or_404(Item, number))
