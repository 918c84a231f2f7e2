-- JSON, read strictly (RFC 8259), as nlohmann::json reads it.
local json = {}
do
  local byte, find, sub, char, tonumber, concat = string.byte, string.find, string.sub, string.char, tonumber, table.concat
  local fail = values.fail
  local deepest = 512
  local text, at, depth
  local element

  local function wrong(what)
    local _, line = sub(text, 1, at - 1):gsub("\n", "")
    local column = at - (find(sub(text, 1, at - 1), "\n[^\n]*$") or 0)
    fail("parse error at line " .. (line + 1) .. ", column " .. column .. ": " .. what)
  end

  local function skip()
    at = find(text, "[^ \t\r\n]", at) or #text + 1
  end

  local function utf8(code)
    if code < 0x80 then return char(code) end
    if code < 0x800 then return char(0xC0 + bit.rshift(code, 6), 0x80 + code % 64) end
    if code < 0x10000 then
      return char(0xE0 + bit.rshift(code, 12), 0x80 + bit.rshift(code, 6) % 64, 0x80 + code % 64)
    end
    return char(0xF0 + bit.rshift(code, 18), 0x80 + bit.rshift(code, 12) % 64, 0x80 + bit.rshift(code, 6) % 64,
      0x80 + code % 64)
  end

  local function hexadecimal()
    local _, last, digits = find(text, "^u(%x%x%x%x)", at)
    if not last then wrong("'\\u' is followed by 4 hexadecimal digits") end
    at = last + 1
    return tonumber(digits, 16)
  end

  local plain = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

  -- What is behind a backslash.
  local function escape()
    local sign = sub(text, at, at)
    if sign ~= "u" then
      if not plain[sign] then wrong("no such escape") end
      at = at + 1
      return plain[sign]
    end
    local code = hexadecimal()
    if code >= 0xDC00 and code <= 0xDFFF then wrong("half of a surrogate pair") end
    if code >= 0xD800 and code <= 0xDBFF then
      if sub(text, at, at) ~= "\\" then wrong("half of a surrogate pair") end
      at = at + 1
      local low = hexadecimal()
      if low < 0xDC00 or low > 0xDFFF then wrong("half of a surrogate pair") end
      code = 0x10000 + (code - 0xD800) * 1024 + low - 0xDC00
    end
    return utf8(code)
  end

  local function string_value()
    at = at + 1
    local parts, count, start = {}, 0, at
    while true do
      local stop = find(text, '["\\%z\1-\31]', at)
      if not stop then
        at = #text + 1
        wrong("the string is not closed")
      end
      count = count + 1
      parts[count] = sub(text, at, stop - 1)
      at = stop + 1
      local sign = byte(text, stop)
      if sign == 34 then break end
      if sign ~= 92 then
        at = stop
        wrong("a control character in a string")
      end
      count = count + 1
      parts[count] = escape()
    end
    local found = count == 1 and parts[1] or concat(parts)
    if find(found, "[\128-\255]") and not values.is_utf8(found) then
      at = start
      wrong("a string that is not UTF-8")
    end
    return found
  end

  local function number_value()
    local _, stop = find(text, "^-?%d+", at)
    if not stop or find(text, "^-?0%d", at) then wrong("no number") end
    local _, fraction = find(text, "^%.%d+", stop + 1)
    if byte(text, stop + 1) == 46 and not fraction then
      at = stop + 1
      wrong("no number")
    end
    local last = fraction or stop
    if find(text, "^[eE]", last + 1) then
      _, fraction = find(text, "^[eE][+-]?%d+", last + 1)
      if not fraction then
        at = last + 1
        wrong("no number")
      end
      last = fraction
    end
    local written = sub(text, at, last)
    local number = tonumber(written)
    if number == 1 / 0 or number == -1 / 0 then wrong("a number out of range") end
    at = last + 1
    if fraction then return { k = "float", v = number } end
    if number < 2 ^ 53 and number > -2 ^ 53 then return number == 0 and 0 or number end
    local negative = byte(written) == 45
    local digits, most = negative and sub(written, 2) or written, negative and "9223372036854775808" or "18446744073709551615"
    if #digits > #most or (#digits == #most and digits > most) then return { k = "float", v = number } end
    return { k = "big", v = number, s = written }
  end

  local function array_value()
    local found, count = {}, 0
    at = at + 1
    skip()
    if byte(text, at) == 93 then
      at = at + 1
      return values.array(found, 0)
    end
    while true do
      count = count + 1
      found[count] = element()
      skip()
      local sign = byte(text, at)
      if sign ~= 44 and sign ~= 93 then wrong("expected ',' or ']'") end
      at = at + 1
      if sign == 93 then return values.array(found, count) end
    end
  end

  local function object_value()
    local found = {}
    at = at + 1
    skip()
    if byte(text, at) == 125 then
      at = at + 1
      return { k = "object", m = found }
    end
    while true do
      skip()
      if byte(text, at) ~= 34 then wrong("expected a name") end
      local name = string_value()
      skip()
      if byte(text, at) ~= 58 then wrong("expected ':'") end
      at = at + 1
      found[name] = element()
      skip()
      local sign = byte(text, at)
      if sign ~= 44 and sign ~= 125 then wrong("expected ',' or '}'") end
      at = at + 1
      if sign == 125 then return { k = "object", m = found } end
    end
  end

  local words = { [116] = { "true", true }, [102] = { "false", false }, [110] = { "null", values.null } }

  function element()
    skip()
    local sign = byte(text, at)
    if sign == 34 then return string_value() end
    if sign == 91 or sign == 123 then
      depth = depth + 1
      if depth > deepest then wrong("nested more than " .. deepest .. " deep") end
      local found = (sign == 91 and array_value or object_value)()
      depth = depth - 1
      return found
    end
    local word = words[sign]
    if word and sub(text, at, at + #word[1] - 1) == word[1] then
      at = at + #word[1]
      return word[2]
    end
    if sign == 45 or (sign and sign >= 48 and sign <= 57) then return number_value() end
    wrong(sign and "expected a value" or "unexpected end of input")
  end

  function json.parse(source)
    text, at, depth = source, 1, 0
    if find(text, "^\239\187\191") then at = 4 end
    local found = element()
    skip()
    if at <= #text then wrong("expected the end of input") end
    text = nil
    return found
  end
end
