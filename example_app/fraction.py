"""The arithmetic of the application: a fraction of a total, in whole percents."""

MAX_DIGITS = 9


def percentage(fraction: int, total: int) -> int | None:
    """Return percents, rounded down; None if the fraction is greater than the total."""
    if fraction > total:
        return None
    if total == 0:
        return 0
    return 100 * fraction // total


def verdict(fraction: int, total: int) -> str:
    percent = percentage(fraction, total)
    if percent is None:
        return "Invalid: Fraction greater than Total"
    return f"{fraction} of {total} is {percent}%"


def parse(values: object) -> tuple[dict[str, int], dict[str, str]]:
    """Parse both numbers of a form or a JSON object; return the numbers, and the errors by field."""
    numbers, errors = {}, {}
    for field in ("fraction", "total"):
        value = values.get(field, "") if isinstance(values, dict) else ""
        try:
            numbers[field] = whole_number(str(value).strip())
        except ValueError as error:
            errors[field] = str(error)
    return numbers, errors


def whole_number(text: str) -> int:
    if not text:
        raise ValueError("Enter a number.")
    if not (text.isascii() and text.isdecimal()):
        raise ValueError("Enter a whole number, 0 or more.")
    if len(text) > MAX_DIGITS:
        raise ValueError(f"Enter at most {MAX_DIGITS} digits.")
    return int(text)
