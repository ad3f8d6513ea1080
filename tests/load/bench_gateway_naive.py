"""The proxy most people would write first: FastAPI and httpx. `bench_gateway` measures against it."""

import os

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response

app = FastAPI()
client = httpx.AsyncClient(base_url=os.environ["UPSTREAM"], limits=httpx.Limits(max_connections=100))


@app.api_route("/{path:path}", methods=["GET", "POST"])
async def forward(path: str, request: Request) -> Response:
    headers = [(name, value) for name, value in request.headers.items() if name not in ("host", "content-length")]
    answer = await client.request(request.method, f"/{path}", headers=headers, content=await request.body())
    return Response(answer.content, answer.status_code, {"content-type": answer.headers["content-type"]})


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["PORT"]), http="httptools", loop="uvloop", log_level="warning", access_log=False)
