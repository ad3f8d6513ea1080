"""A FastAPI route that does nothing: what `bench_journey` compares the suite's own with."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def nothing() -> dict[str, str]:
    return {"status": "healthy"}
