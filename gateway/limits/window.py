"""The sliding window: at most `limit` requests in any `seconds` on end, counted exactly, in Redis or in this process.

Of each counted request its time is kept, in order, for as long as the window; a refused one leaves no trace. That is exact,
where a counter per fixed minute lets twice the limit pass across its edge, and GCRA refills while a burst is still racing
(1,000 racing requests against 100 would see 101 pass). It costs at most `limit` small integers for a client that is active
(about 1 kB for 100), and constant time: times enter at one end of a list and leave at the other, each once.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from gateway.limits.rate import Rate, Verdict

KEYS = 50_000  # clients remembered by one process when Redis is away

# KEYS: one list of microsecond times per client. ARGV: limit, window in microseconds, and how many requests ask, for each key.
# Times to come are of a clock that has been set back since, and would never leave: the key is forgotten.
# Answers, for each key: how many of them pass, how many more would, and microseconds until the oldest time leaves the window.
SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local answer = {}
for i, key in ipairs(KEYS) do
  local limit, window, asked = tonumber(ARGV[i * 3 - 2]), tonumber(ARGV[i * 3 - 1]), tonumber(ARGV[i * 3])
  local oldest = tonumber(redis.call('LINDEX', key, 0) or now)
  while oldest <= now - window do
    redis.call('LPOP', key)
    oldest = tonumber(redis.call('LINDEX', key, 0) or now)
  end
  if oldest > now then
    redis.call('DEL', key)
    oldest = now
  end
  local free = limit - redis.call('LLEN', key)
  local pass = math.max(0, math.min(asked, free))
  if pass > 0 then
    local stamp = string.format('%.0f', now)
    for _ = 1, pass do redis.call('RPUSH', key, stamp) end
    redis.call('PEXPIRE', key, math.ceil(window / 1000))
  end
  answer[#answer + 1] = pass
  answer[#answer + 1] = math.max(0, free - pass)
  answer[#answer + 1] = oldest + window - now
end
return answer
"""


class LocalWindows:
    """The same window for one process, for as long as Redis is away. Bounded: the client seen longest ago is forgotten first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, keys: int = KEYS) -> None:
        self._clock, self._keys = clock, keys
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._times)

    def count(self, key: str, rate: Rate) -> Verdict:
        now = self._clock()
        times = self._times.get(key)
        if times is None:
            times = self._times[key] = deque()
            if len(self._times) > self._keys:
                self._times.popitem(last=False)
        else:
            self._times.move_to_end(key)
        while times and times[0] <= now - rate.seconds:
            times.popleft()
        allowed = len(times) < rate.limit
        if allowed:
            times.append(now)
        return Verdict(allowed, rate.limit - len(times), times[0] + rate.seconds - now)
