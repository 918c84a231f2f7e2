-- Regular expressions: closures that each know what comes after them, tried in ECMAScript's order.
--
-- How much may be tried is bounded by the length of the input, so that no expression and no input holds a worker up.
local regex = {}
do
  local byte, find, sub, type, concat = string.byte, string.find, string.sub, type, table.concat
  local fail = values.fail
  local steps_always, steps_for_a_byte = 100000, 20

  -- What is being matched. Nothing yields meanwhile, so one of each will do.
  local subject, size, left = "", 0, 0
  local starts, ends = {}, {}

  local function tick()
    left = left - 1
    if left < 0 then fail("a regular expression took too many steps") end
  end

  local function class(program)
    local set, pattern = {}, {}
    for code = 0, 255 do set[code] = false end
    for i = 2, #program, 2 do
      for code = program[i], program[i + 1] do set[code] = true end
    end
    for code = 0, 255 do
      if not set[code] then pattern[#pattern + 1] = code == 0 and "%z" or string.char(code):gsub("%W", "%%%0") end
    end
    -- A pattern of Lua's for all other bytes, with which a run of these is found at once.
    return set, #pattern > 0 and "[" .. concat(pattern) .. "]" or nil
  end

  local build

  local function run_of(other, least, most, greedy, after)
    return function(i)
      tick()
      local stop = other and find(subject, other, i) or size + 1
      if most >= 0 and stop - i > most then stop = i + most end
      if greedy then
        for j = stop, i + least, -1 do
          tick()
          local found = after(j)
          if found then return found end
        end
      else
        for j = i + least, stop do
          tick()
          local found = after(j)
          if found then return found end
        end
      end
      return false
    end
  end

  local function forget(first, last)
    local kept = {}
    for group = first, last do
      kept[group] = starts[group]
      starts[group] = nil
    end
    return kept
  end

  local function loop_of(program, after)
    local one, least, most, greedy, first, last = program[2], program[3], program[4], program[5], program[6], program[7]
    local count, from = 0, 0
    local body

    local function again(i)
      tick()
      if most >= 0 and count >= most then return false end
      local times, begun = count, from
      local kept = first <= last and forget(first, last)
      count, from = times + 1, i
      local found = body(i)
      if not found then
        count, from = times, begun
        if kept then
          for group = first, last do starts[group] = kept[group] end
        end
      end
      return found
    end

    -- After a round: leaving the loop, what follows may come back into it, and must find it as it will leave it.
    local function leave(i)
      local times, begun = count, from
      local found = after(i)
      if not found then count, from = times, begun end
      return found
    end

    local function round(i)
      tick()
      if count > least and i == from then return false end
      if count < least then return again(i) end
      if greedy then return again(i) or leave(i) end
      return leave(i) or again(i)
    end

    body = build(one, round)
    return function(i)
      local times, begun = count, from
      count, from = 0, 0
      local found = round(i)
      count, from = times, begun
      return found
    end
  end

  local function is_word(i)
    local code = byte(subject, i)
    return code ~= nil and (code == 95 or (code >= 48 and code <= 57) or (code >= 65 and code <= 90) or (code >= 97 and code <= 122))
  end

  local makers = {}

  function makers.text(program, after)
    local text, length = program[2], #program[2]
    if length == 1 then
      local code = byte(text)
      return function(i) return byte(subject, i) == code and after(i + 1) end
    end
    return function(i) return sub(subject, i, i + length - 1) == text and after(i + length) end
  end

  function makers.set(program, after)
    local set = class(program)
    return function(i)
      local code = byte(subject, i)
      return code ~= nil and set[code] and after(i + 1)
    end
  end

  function makers.all(program, after)
    for i = #program, 2, -1 do after = build(program[i], after) end
    return after
  end

  function makers.any(program, after)
    local ways, count = {}, #program - 1
    for i = 1, count do ways[i] = build(program[i + 1], after) end
    return function(i)
      tick()
      for n = 1, count do
        local found = ways[n](i)
        if found then return found end
      end
      return false
    end
  end

  function makers.group(program, after)
    local group = program[2]
    local body = build(program[3], function(i)
      local begun, ended = starts[group], ends[group]
      starts[group], ends[group] = starts[-group], i
      local found = after(i)
      if not found then starts[group], ends[group] = begun, ended end
      return found
    end)
    return function(i)
      local begun = starts[-group]
      starts[-group] = i
      local found = body(i)
      if not found then starts[-group] = begun end
      return found
    end
  end

  makers["repeat"] = function(program, after)
    local one = program[2]
    if one[1] == "set" or (one[1] == "text" and #one[2] == 1) then
      local _, other = class(one[1] == "set" and one or { "set", byte(one[2]), byte(one[2]) })
      return run_of(other, program[3], program[4], program[5], after)
    end
    return loop_of(program, after)
  end

  function makers.start(_, after)
    return function(i) return i == 1 and after(i) end
  end

  makers["end"] = function(_, after)
    return function(i) return i == size + 1 and after(i) end
  end

  function makers.boundary(program, after)
    local negative = program[2]
    return function(i) return ((is_word(i - 1) ~= is_word(i)) ~= negative) and after(i) end
  end

  function makers.look(program, after)
    local negative = program[2]
    local body = build(program[3], function(i) return i end)
    return function(i)
      tick()
      return ((not body(i)) == negative) and after(i)
    end
  end

  function makers.reference(program, after)
    local group = program[2]
    return function(i)
      tick()
      if not starts[group] then return after(i) end
      local text = sub(subject, starts[group], ends[group] - 1)
      return sub(subject, i, i + #text - 1) == text and after(i + #text)
    end
  end

  function build(program, after)
    return makers[program[1]](program, after)
  end

  -- The expression, ready to be used.
  function regex.compile(program)
    local begun
    local whole = build(program, function(i) return i == size + 1 and i end)
    local some = build(program, function(i) return i > begun and i end)
    local any = build(program, function(i) return i end)

    local function prepare(text)
      subject, size = text, #text
      left = steps_always + steps_for_a_byte * size
    end

    local function try(matcher, i)
      starts, ends = {}, {}
      return matcher(i)
    end

    local self = {}

    -- Whether the whole text matches.
    function self.matches(text)
      prepare(text)
      return try(whole, 1) ~= false
    end

    -- What a group holds when the whole text matches (0: all of it); nothing if it does not.
    function self.group(text, group)
      prepare(text)
      if not try(whole, 1) then return "" end
      if group == 0 then return text end
      return starts[group] and sub(text, starts[group], ends[group] - 1) or ""
    end

    -- The text with a group replaced, if the first match is all of it.
    function self.replace_group(text, group, replacement)
      prepare(text)
      local stop = try(any, 1)
      if stop ~= size + 1 then return text end
      local first, last = 1, size + 1
      if group > 0 then
        first, last = starts[group] or last, starts[group] and ends[group] or last
      end
      return sub(text, 1, first - 1) .. replacement .. sub(text, last)
    end

    -- The text with every match replaced that is not empty; `parts` are texts, groups' numbers, and what is around.
    function self.replace_all(text, parts)
      prepare(text)
      local out, done, i = {}, 1, 1
      while i <= size do
        tick()
        begun = i
        local stop = try(some, i)
        if stop then
          out[#out + 1] = sub(text, done, i - 1)
          for n = 1, #parts do
            local part = parts[n]
            if type(part) == "string" then
              out[#out + 1] = part
            elseif part == 0 then
              out[#out + 1] = sub(text, i, stop - 1)
            elseif part == -1 then
              out[#out + 1] = sub(text, done, i - 1)
            elseif part == -2 then
              out[#out + 1] = sub(text, stop)
            elseif starts[part] then
              out[#out + 1] = sub(text, starts[part], ends[part] - 1)
            end
          end
          i, done = stop, stop
        else
          i = i + 1
        end
      end
      out[#out + 1] = sub(text, done)
      return concat(out)
    end

    return self
  end
end
