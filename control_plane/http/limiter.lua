-- GCRA over several buckets in one call: all are charged, or none is.
-- KEYS[i]: a bucket. ARGV[2i-1]: microseconds between two requests. ARGV[2i]: how many may come at once.
-- Answers for each bucket: allowed (0 or 1), remaining, microseconds to wait, microseconds until it is full.
local now = redis.call('TIME')
local now_us = tonumber(now[1]) * 1000000 + tonumber(now[2])
local charges, answer, all_allowed = {}, {}, true

for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local arrival = math.max(tonumber(redis.call('GET', key) or now_us), now_us)
  local charged = arrival + interval
  local wait = charged - burst * interval - now_us
  local allowed = wait <= 0
  if not allowed then
    all_allowed = false
  end
  charges[i] = charged
  answer[i] = { allowed and 1 or 0, interval, burst, arrival, math.max(0, wait) }
end

local result = {}
for i, key in ipairs(KEYS) do
  local allowed, interval, burst, arrival, wait = unpack(answer[i])
  if all_allowed then
    arrival = charges[i]
    redis.call('SET', key, string.format('%.0f', arrival), 'PX', math.ceil((arrival - now_us) / 1000) + 1)
  end
  local used = math.max(0, arrival - now_us)
  local remaining = math.max(0, math.floor((burst * interval - used) / interval))
  result[i] = { allowed, remaining, math.ceil(wait), math.ceil(used) }
end
return result
