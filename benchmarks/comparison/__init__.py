"""The cost of measuring a Flask application, compared with the bare application and with other tools."""
