from flask import Flask, abort

app = Flask(__name__)

PRICES = {"tea": 3, "coffee": 4}


@app.get("/")
def home():
    return "<h1>Shop</h1>"


@app.get("/price/<name>/<int:count>")
def price(name, count):
    if name not in PRICES:
        abort(404)
    total = PRICES[name] * count
    if count >= 10:
        total = total * 9 // 10
    return f"<h1>{count} {name}: {total}</h1>"
