"""Ask and wait: `math.calculate`."""

from client import call

OPERATIONS = ("add", "subtract", "multiply", "divide", "power", "sqrt")


async def calculate(nc, operation, a, b=0):
    answer = await call(nc, "math.calculate", {"operation": operation, "a": a, "b": b})
    return answer["result"]
