"""Prometheus metrics of the profiles service, besides what every process exports."""

from prometheus_client import Counter

search_pages = Counter("edustream_search_pages", "Pages of search by where they came from: kept, or found", ["source"])
