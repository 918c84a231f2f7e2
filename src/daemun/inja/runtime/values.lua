-- Values: what JSON can say, and what templates do with it.
--
-- A string, a boolean and an integer are Lua's own. All else is a table: `null`; an array {k="array", n=, [1]=...}; an
-- object {k="object", m={name=value}}; a number with a fraction {k="float", v=}; an integer of 2^53 and more, which Lua's
-- numbers cannot hold and which is therefore kept as it was written, {k="big", v=, s=}.
local values = { null = { k = "null" } }
do
  local null = values.null
  local type, pairs, sort, format = type, pairs, table.sort, string.format
  local tonumber, find, concat, floor = tonumber, string.find, table.concat, math.floor
  local exact = 2 ^ 53 - 1

  -- Errors that a client may see are tables; whatever else is raised is a fault of this script.
  function values.fail(text)
    error({ text = text }, 0)
  end
  local fail = values.fail

  -- What going through elements costs: a run has so many steps left.
  function values.spend(run, steps)
    run.left = run.left - steps
    if run.left < 0 then fail("the template took too many steps") end
  end

  function values.kind(value)
    local of = type(value)
    return of == "table" and value.k or of == "number" and "integer" or of
  end
  local kind = values.kind

  -- The object's names in the order of their bytes, in which it is also written and gone through.
  function values.names(object)
    local found, count = {}, 0
    for name in pairs(object.m) do
      count = count + 1
      found[count] = name
    end
    sort(found)
    return found, count
  end
  local names = values.names

  function values.array(list, count)
    list.k, list.n = "array", count
    return list
  end

  function values.float(number)
    if number ~= number or number == 1 / 0 or number == -1 / 0 then fail("a number out of range") end
    return { k = "float", v = number }
  end

  function values.integer(number)
    if number > exact or number < -exact then fail("an integer out of range") end
    return number == 0 and 0 or number
  end

  function values.is_integer(value)
    return type(value) == "number" or (type(value) == "table" and value.k == "big")
  end

  function values.is_number(value)
    return type(value) == "number" or (type(value) == "table" and (value.k == "float" or value.k == "big"))
  end

  function values.number(value)
    if type(value) == "number" then return value end
    local of = kind(value)
    if of == "float" or of == "big" then return value.v end
    fail("type must be number, but is " .. of)
  end

  -- An integer, for what takes one: the fraction is cut off.
  function values.whole(value)
    local number = values.number(value)
    if kind(value) == "big" then fail("an integer out of range") end
    number = number < 0 and -floor(-number) or floor(number)
    return values.integer(number)
  end

  function values.text(value)
    if type(value) == "string" then return value end
    fail("type must be string, but is " .. kind(value))
  end

  function values.length(value)
    local of = kind(value)
    if of == "string" then return #value end
    if of == "array" then return value.n end
    if of == "null" then return 0 end
    if of ~= "object" then return 1 end
    local count = 0
    for _ in pairs(value.m) do count = count + 1 end
    return count
  end

  function values.truthy(value)
    local of = kind(value)
    if of == "boolean" then return value end
    if of == "integer" then return value ~= 0 end
    if of == "float" or of == "big" then return value.v ~= 0 end
    return values.length(value) ~= 0
  end

  -- What a value has inside: an array's elements, an object's values in order; a single value has itself.
  function values.elements(value)
    local of = kind(value)
    if of == "array" then return value, value.n end
    if of == "null" then return {}, 0 end
    if of ~= "object" then return { value }, 1 end
    local found, count = names(value)
    for i = 1, count do found[i] = value.m[found[i]] end
    return found, count
  end

  local function lexicographic(a, na, b, nb, compare)
    for i = 1, na < nb and na or nb do
      local found = compare(a[i], b[i])
      if found ~= 0 then return found end
    end
    return na == nb and 0 or na < nb and -1 or 1
  end

  local rank = { null = 0, boolean = 1, integer = 2, float = 2, big = 2, object = 3, array = 4, string = 5 }

  -- -1, 0 or 1. Values of different kinds have an order too, as nlohmann::json has.
  function values.compare(a, b)
    local left, right = kind(a), kind(b)
    if rank[left] ~= rank[right] then return rank[left] < rank[right] and -1 or 1 end
    if left == "array" then return lexicographic(a, a.n, b, b.n, values.compare) end
    if left == "object" then
      local mine, count = names(a)
      local yours, others = names(b)
      for i = 1, count < others and count or others do
        if mine[i] ~= yours[i] then return mine[i] < yours[i] and -1 or 1 end
        local found = values.compare(a.m[mine[i]], b.m[yours[i]])
        if found ~= 0 then return found end
      end
      return count == others and 0 or count < others and -1 or 1
    end
    if left == "null" then return 0 end
    if left == "boolean" then a, b = a and 1 or 0, b and 1 or 0 end
    if rank[left] == 2 then
      if left == "big" and right == "big" and a.s == b.s then return 0 end
      a, b = values.number(a), values.number(b)
    end
    return a == b and 0 or a < b and -1 or 1
  end

  -- JSON

  local names_of_escapes = {
    ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
  }
  local function escaped(sign)
    return names_of_escapes[sign] or format("\\u%04x", sign:byte())
  end

  -- Whether bytes are UTF-8: no surrogates, nothing beyond U+10FFFF, nothing longer than it need be.
  function values.is_utf8(text)
    local at = find(text, "[\128-\255]")
    while at do
      local a, b, c, d = text:byte(at, at + 3)
      local function follows(byte, low, high) return byte and byte >= (low or 128) and byte <= (high or 191) end
      if a >= 0xC2 and a <= 0xDF and follows(b) then
        at = at + 2
      elseif a >= 0xE0 and a <= 0xEF and follows(b, a == 0xE0 and 0xA0, a == 0xED and 0x9F) and follows(c) then
        at = at + 3
      elseif a >= 0xF0 and a <= 0xF4 and follows(b, a == 0xF0 and 0x90, a == 0xF4 and 0x8F) and follows(c) and follows(d) then
        at = at + 4
      else
        return false
      end
      at = find(text, "[\128-\255]", at)
    end
    return true
  end

  -- A string as JSON writes it, without its quotes.
  function values.escape(text)
    if not values.is_utf8(text) then fail("text that is not UTF-8 cannot be written as JSON") end
    return (text:gsub('[%z\1-\31"\\]', escaped))
  end

  -- The shortest digits that say just this number, in nlohmann::json's form.
  local function float_text(number)
    if number == 0 then return 1 / number < 0 and "-0.0" or "0.0" end
    local digits
    for precision = 14, 16 do
      digits = format("%." .. precision .. "e", number)
      if tonumber(digits) == number then break end
    end
    local sign, first, rest, exponent = digits:match("^(-?)(%d)%.(%d*)e([+-]%d+)$")
    local all = first .. rest:gsub("0+$", "")
    local point = tonumber(exponent) + 1
    if #all <= point and point <= 15 then return sign .. all .. ("0"):rep(point - #all) .. ".0" end
    if point > 0 and point <= 15 then return sign .. all:sub(1, point) .. "." .. all:sub(point + 1) end
    if point > -4 and point <= 0 then return sign .. "0." .. ("0"):rep(-point) .. all end
    local mantissa = #all == 1 and all or all:sub(1, 1) .. "." .. all:sub(2)
    return format("%s%se%s%02d", sign, mantissa, point - 1 < 0 and "-" or "+", math.abs(point - 1))
  end

  function values.number_text(value)
    if type(value) == "number" then return format("%d", value) end
    return value.s or float_text(value.v)
  end

  local function write(value, out)
    local of = kind(value)
    if of == "string" then
      out[#out + 1] = '"' .. values.escape(value) .. '"'
    elseif of == "null" then
      out[#out + 1] = "null"
    elseif of == "boolean" then
      out[#out + 1] = value and "true" or "false"
    elseif of == "array" then
      out[#out + 1] = "["
      for i = 1, value.n do
        if i > 1 then out[#out + 1] = "," end
        write(value[i], out)
      end
      out[#out + 1] = "]"
    elseif of == "object" then
      local found, count = names(value)
      out[#out + 1] = "{"
      for i = 1, count do
        out[#out + 1] = (i > 1 and ',"' or '"') .. values.escape(found[i]) .. '":'
        write(value.m[found[i]], out)
      end
      out[#out + 1] = "}"
    else
      out[#out + 1] = values.number_text(value)
    end
  end

  function values.dump(value)
    local out = {}
    write(value, out)
    return concat(out)
  end
end
