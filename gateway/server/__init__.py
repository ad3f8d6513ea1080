"""The client's side: HTTP/1.1 on httptools, as a protocol class that uvicorn serves."""
