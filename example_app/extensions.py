"""The extensions, created once and attached to an application in ``create_app``."""

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase

from flask_livecoverage import LiveCoverage


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)
livecov = LiveCoverage()
