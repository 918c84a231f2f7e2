-- What templates can call. A function gets the run's state and values, never anything of Lua's.
local functions, operators = {}, {}
do
  local fail, kind, text, number, whole = values.fail, values.kind, values.text, values.number, values.whole
  local compare, integer, float, is_integer = values.compare, values.integer, values.float, values.is_integer
  local spend = values.spend
  local floor, fmod = math.floor, math.fmod
  local longest = 16 * 1024 * 1024

  -- Operators

  function operators.add(_, a, b)
    if type(a) == "string" and type(b) == "string" then return a .. b end
    if is_integer(a) and is_integer(b) then return integer(whole(a) + whole(b)) end
    return float(number(a) + number(b))
  end

  function operators.subtract(_, a, b)
    if is_integer(a) and is_integer(b) then return integer(whole(a) - whole(b)) end
    return float(number(a) - number(b))
  end

  function operators.multiply(_, a, b)
    if is_integer(a) and is_integer(b) then return integer(whole(a) * whole(b)) end
    return float(number(a) * number(b))
  end

  function operators.divide(_, a, b)
    if number(b) == 0 then fail("division by zero") end
    return float(number(a) / number(b))
  end

  function operators.modulo(_, a, b)
    if whole(b) == 0 then fail("division by zero") end
    return integer(fmod(whole(a), whole(b)))
  end

  function operators.power(_, a, b)
    if is_integer(a) and whole(b) >= 0 then return integer(whole(a) ^ whole(b)) end
    return float(number(a) ^ whole(b))
  end

  operators["not"] = function(_, a) return not values.truthy(a) end
  function operators.equal(_, a, b) return compare(a, b) == 0 end
  function operators.unequal(_, a, b) return compare(a, b) ~= 0 end
  function operators.greater(_, a, b) return compare(a, b) > 0 end
  function operators.greater_equal(_, a, b) return compare(a, b) >= 0 end
  function operators.less(_, a, b) return compare(a, b) < 0 end
  function operators.less_equal(_, a, b) return compare(a, b) <= 0 end

  operators["in"] = function(run, a, b)
    local found, count = values.elements(b)
    spend(run, count)
    for i = 1, count do
      if compare(a, found[i]) == 0 then return true end
    end
    return false
  end

  -- Inja's functions

  function functions.at(_, container, name)
    local of = kind(container)
    if of == "object" then
      local found = container.m[text(name)]
      if found == nil then fail("key '" .. name .. "' not found") end
      return found
    end
    if of ~= "array" then fail("cannot use at() with " .. of) end
    local index = whole(name)
    if index < 0 or index >= container.n then fail("array index " .. index .. " is out of range") end
    return container[index + 1]
  end

  function functions.divisibleBy(_, a, b) return whole(b) ~= 0 and fmod(whole(a), whole(b)) == 0 end
  function functions.even(_, a) return whole(a) % 2 == 0 end
  function functions.odd(_, a) return whole(a) % 2 ~= 0 end

  function functions.existsIn(_, object, name)
    local wanted = text(name)
    return kind(object) == "object" and object.m[wanted] ~= nil
  end

  local function some(value)
    local found, count = values.elements(value)
    if count == 0 then fail("there is no element in an empty " .. kind(value)) end
    return found, count
  end

  function functions.first(_, value)
    return (some(value))[1]
  end

  function functions.last(_, value)
    local found, count = some(value)
    return found[count]
  end

  local function extreme(run, value, sign)
    local found, count = some(value)
    spend(run, count)
    local best = found[1]
    for i = 2, count do
      if compare(found[i], best) == sign then best = found[i] end
    end
    return best
  end
  function functions.max(run, value) return extreme(run, value, 1) end
  function functions.min(run, value) return extreme(run, value, -1) end

  function functions.sort(run, value)
    if kind(value) ~= "array" then fail("type must be array, but is " .. kind(value)) end
    spend(run, value.n)
    local found = {}
    for i = 1, value.n do found[i] = value[i] end
    table.sort(found, function(a, b) return compare(a, b) < 0 end)
    return values.array(found, value.n)
  end

  function functions.int(_, value)
    local digits = text(value):match("^%s*([+-]?%d+)")
    local found = digits and tonumber((digits:gsub("^%+", "")))
    if not found or found >= 2 ^ 31 or found < -2 ^ 31 then fail("int(): no integer") end
    return integer(found)
  end

  functions["float"] = function(_, value)
    local written = text(value)
    local digits = written:match("^%s*([+-]?%d+%.?%d*[eE][+-]?%d+)") or written:match("^%s*([+-]?%.%d+[eE][+-]?%d+)")
      or written:match("^%s*([+-]?%d+%.?%d*)") or written:match("^%s*([+-]?%.%d+)")
    if not digits then fail("float(): no number") end
    return float(tonumber((digits:gsub("^%+", ""))))
  end

  function functions.length(_, value) return values.length(value) end
  function functions.lower(_, value) return text(value):lower() end
  function functions.upper(_, value) return text(value):upper() end
  function functions.isArray(_, value) return kind(value) == "array" end
  function functions.isBoolean(_, value) return kind(value) == "boolean" end
  function functions.isFloat(_, value) return kind(value) == "float" end
  function functions.isInteger(_, value) return is_integer(value) end
  function functions.isNumber(_, value) return values.is_number(value) end
  function functions.isObject(_, value) return kind(value) == "object" end
  function functions.isString(_, value) return kind(value) == "string" end

  function functions.join(run, value, separator)
    local found, count = values.elements(value)
    spend(run, count)
    local between, out, size = text(separator), {}, 0
    for i = 1, count do
      out[i] = type(found[i]) == "string" and found[i] or values.dump(found[i])
      size = size + #out[i] + #between
      if size > longest then fail("the text is too long") end
    end
    return table.concat(out, between)
  end

  function functions.range(run, value)
    local count = whole(value)
    if count < 0 then fail("range() of a negative number") end
    spend(run, count)
    local found = {}
    for i = 1, count do found[i] = i - 1 end
    return values.array(found, count)
  end

  function functions.round(_, value, digits)
    local scale = 10 ^ whole(digits)
    local scaled = number(value) * scale
    local rounded = (scaled < 0 and -floor(-scaled + 0.5) or floor(scaled + 0.5)) / scale
    return whole(digits) == 0 and integer(rounded) or float(rounded)
  end

  -- Gloo's functions

  function functions.header(run, name)
    return run.headers:getAtIndex(text(name), 0) or ""
  end

  function functions.request_header(run, name)
    local headers = run.is_request and run.headers or run.handle:requestHeaders()
    return headers and headers:getAtIndex(text(name), 0) or ""
  end

  function functions.extraction(run, name) return run.extractions and run.extractions[text(name)] or "" end
  function functions.body(run) return run.body or "" end
  function functions.context(run) return run.context end
  function functions.raw_string(_, value) return values.escape(text(value)) end
  function functions.trim(_, value) return (text(value):gsub("^[ \t\n\v\f\r]+", ""):gsub("[ \t\n\v\f\r]+$", "")) end

  function functions.substring(_, value, start, length)
    local found = text(value)
    if not is_integer(start) or (length ~= nil and not is_integer(length)) then return "" end
    local from, count = whole(start), length ~= nil and whole(length) or -1
    if from < 0 or from >= #found then return "" end
    if count <= 0 or from + count > #found then return found:sub(from + 1) end
    return found:sub(from + 1, from + count)
  end

  local function words(value)
    local of, count = kind(value), 0
    if of == "string" then
      for _ in value:gmatch("[^ \t\n\v\f\r]+") do count = count + 1 end
    elseif of == "array" then
      for i = 1, value.n do count = count + words(value[i]) end
    elseif of == "object" then
      for name, inner in pairs(value.m) do count = count + words(name) + words(inner) end
    elseif of ~= "null" then
      count = 1
    end
    return count
  end
  function functions.word_count(_, value) return words(value) end

  local function decoded(run, value)
    if value:find("[^A-Za-z0-9+/=]") or value:find("=[^=]") or #value % 4 ~= 0 then return "" end
    return value == "" and "" or run.handle:base64Decode(value) or ""
  end

  function functions.base64_encode(run, value) return run.handle:base64Escape(text(value)) end
  function functions.base64_decode(run, value) return decoded(run, text(value)) end

  function functions.base64url_encode(run, value)
    return (run.handle:base64Escape(text(value)):gsub("[+/=]", { ["+"] = "-", ["/"] = "_", ["="] = "" }))
  end

  function functions.base64url_decode(run, value)
    local found = text(value)
    if found:find("[+/]") then return "" end
    found = found:gsub("=+$", ""):gsub("[-_]", { ["-"] = "+", ["_"] = "/" })
    return decoded(run, found .. ("="):rep(-#found % 4))
  end

  -- The proxy's environment, as far as templates may read it.
  function functions.env(_, name, allowed)
    local wanted = text(name)
    for i = 1, allowed.n do
      if allowed[i] == wanted then return os.getenv(wanted) or "" end
    end
    return ""
  end

  local function plain(value, out)
    local of = type(value)
    if of == "table" then
      out = {}
      local count = 0
      for _ in pairs(value) do count = count + 1 end
      if count > 0 and #value == count then
        for i = 1, count do out[i] = plain(value[i]) end
        return values.array(out, count)
      end
      for name, inner in pairs(value) do out[tostring(name)] = plain(inner) end
      return { k = "object", m = out }
    end
    if of == "number" then return value == floor(value) and value < 2 ^ 53 and value > -2 ^ 53 and value or float(value) end
    return of == "nil" and values.null or value
  end

  function functions.dynamic_metadata(run, name, namespace)
    if type(name) ~= "string" then return "" end
    local found = run.handle:streamInfo():dynamicMetadata():get(namespace and text(namespace) or "io.solo.transformation")
    for part in (name .. ":"):gmatch("([^:]*):") do
      if type(found) ~= "table" then return "" end
      found = found[part]
    end
    if found == nil then return "" end
    if type(found) == "boolean" then return tostring(found) end
    local value = plain(found)
    return type(found) == "table" and values.dump(value) or kind(value) == "integer" and float(value) or value
  end

  local seed = 0

  -- 128 bits in Base64, the same for the same pattern in one run. Not for secrets: Lua's generator, seeded by the clock.
  function functions.replace_with_random(run, value, pattern)
    local source, wanted = text(value), text(pattern)
    if wanted == "" then return source end
    run.random = run.random or {}
    local found = run.random[wanted]
    if not found then
      if seed == 0 then
        seed = tonumber(run.handle:timestampString(EnvoyTimestampResolution.MICROSECOND):sub(-9)) or 1
        seed = seed + (tonumber(tostring({}):match("0x(%x+)"), 16) or 0) % 2 ^ 30
        math.randomseed(seed)
      end
      local bytes = {}
      for i = 1, 16 do bytes[i] = string.char(math.random(0, 255)) end
      found = run.handle:base64Escape(table.concat(bytes)):gsub("=", "")
      run.random[wanted] = found
    end
    local out, i = {}, 1
    while true do
      local first, last = source:find(wanted, i, true)
      if not first then break end
      out[#out + 1] = source:sub(i, first - 1) .. found
      i = last + 1
    end
    return table.concat(out) .. source:sub(i)
  end
end
