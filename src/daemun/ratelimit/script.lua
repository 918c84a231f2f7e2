-- Decides about requests, all at once: Redis runs nothing else meanwhile, and its clock is the only one.
--
-- KEYS are the counts. ARGV[1] holds, as MessagePack, of each count {requests, milliseconds, slices, shadow} (no slices
-- mean a fixed window), and of each plan {requests, count, hits, count, hits, ...}. The answer is, for each plan,
-- {admitted, before, milliseconds until there is room, before, ...}. windows.py says the same in Python.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local asked = cmsgpack.unpack(ARGV[1])
local quotas, plans = asked[1], asked[2]
local kept = redis.call('MGET', unpack(KEYS))
local windows = {}

for i, quota in ipairs(quotas) do
  local window = {total = 0, changed = false}
  if quota[3] == 0 then
    local total, ends = string.match(kept[i] or '', '^(%d+) (%d+)$')
    if ends and now < tonumber(ends) and tonumber(ends) <= now + 2 * quota[2] then
      window.total, window.ends = tonumber(total), tonumber(ends)
    else
      window.ends = (math.floor(now / quota[2]) + 1) * quota[2]
    end
  else
    window.width = quota[2] / quota[3]
    window.at = math.floor(now / window.width)
    window.slices = {}
    if kept[i] then
      local slices = cmsgpack.unpack(kept[i])
      for s = 1, #slices, 2 do
        if math.abs(slices[s] - window.at) <= quota[3] then
          window.total = window.total + slices[s + 1]
          window.slices[#window.slices + 1] = slices[s]
          window.slices[#window.slices + 1] = slices[s + 1]
        end
      end
    end
  end
  windows[i] = window
end

local function add(window, hits)
  window.total = window.total + hits
  window.changed = true
  if window.slices then
    local last = #window.slices
    if last > 0 and window.slices[last - 1] >= window.at then
      window.slices[last] = window.slices[last] + hits
    else
      window.slices[last + 1], window.slices[last + 2] = window.at, hits
    end
  end
end

local function reset(window, quota, hits)
  if not window.slices then
    return window.ends - now
  end
  local left, ends = window.total, now
  for s = 1, #window.slices, 2 do
    left = left - window.slices[s + 1]
    ends = (window.slices[s] + quota[3] + 1) * window.width
    if left + hits <= quota[1] then
      break
    end
  end
  return math.max(ends - now, 0)
end

local answers = {}
for p, plan in ipairs(plans) do
  local admitted = plan[1]
  for i = 2, #plan, 2 do
    local quota, hits = quotas[plan[i]], plan[i + 1]
    if hits > 0 and quota[4] == 0 then
      admitted = math.min(admitted, math.max(math.floor((quota[1] - windows[plan[i]].total) / hits), 0))
    end
  end
  local answer = {admitted}
  for i = 2, #plan, 2 do
    local window, hits = windows[plan[i]], plan[i + 1]
    answer[i] = window.total
    if admitted > 0 and hits > 0 then
      add(window, admitted * hits)
    end
    answer[i + 1] = reset(window, quotas[plan[i]], admitted < plan[1] and hits or 0)
  end
  answers[p] = answer
end

for i, window in ipairs(windows) do
  if window.changed then
    if window.slices then
      local ends = (window.slices[#window.slices - 1] + quotas[i][3] + 1) * window.width
      redis.call('SET', KEYS[i], cmsgpack.pack(window.slices), 'PX', math.max(ends - now, 1))
    else
      local told = string.format('%.0f %.0f', window.total, window.ends)
      redis.call('SET', KEYS[i], told, 'PX', window.ends - now)
    end
  end
end
return cmsgpack.pack(answers)
