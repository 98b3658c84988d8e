"""What measuring a Flask application costs, beside the bare application and beside what people would use instead."""
