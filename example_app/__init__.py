"""A small Flask-SQLAlchemy application, measured while a browser drives it."""

from flask import Flask

from . import api, database, views
from .extensions import db, livecov


def create_app() -> Flask:
    app = Flask(__name__)
    app.config.from_mapping(
        SECRET_KEY="development only",
        SQLALCHEMY_DATABASE_URI="sqlite:///example_app.sqlite",  # in the instance folder
    )
    app.config.from_prefixed_env()  # FLASK_SECRET_KEY, FLASK_SQLALCHEMY_DATABASE_URI, ...

    db.init_app(app)
    livecov.init_app(app, db=db)

    app.register_blueprint(views.pages)
    app.register_blueprint(api.api)
    app.register_error_handler(404, views.not_found)
    app.cli.add_command(database.init_db)
    return app
