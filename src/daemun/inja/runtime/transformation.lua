-- One transformation of a message: from its headers and body to others.
local transformation = {}
do
  local fail, kind, null = values.fail, values.kind, values.null
  local find, byte = string.find, string.byte
  local most_steps = 1000000
  local nothing = { k = "object", m = {} }

  local function pairs_of(programs)
    local found = { n = programs and programs.n or 0 }
    for i = 1, found.n do
      found[i] = { name = programs[i][1], value = templates.compile(programs[i][2]) }
    end
    return found
  end

  local function extractor(program)
    local m = program.m
    local expression, group, mode, replacement = regex.compile(m.regex), m.group or 0, m.mode, m.replacement
    return {
      name = m.name,
      path = m.path,
      find = function(run)
        local source = run.body or ""
        if m.header then
          source = run.headers:getAtIndex(m.header, 0)
          if not source then return "" end
        end
        if mode == "single" then return expression.replace_group(source, group, replacement) end
        if mode == "all" then return expression.replace_all(source, replacement) end
        return expression.group(source, group)
      end,
    }
  end

  local function put_extraction(run, path, text)
    if run.context == null then run.context = { k = "object", m = {} } end
    local current = run.context
    for i = 1, path.n do
      if kind(current) ~= "object" then fail("cannot put an extraction into a value of type " .. kind(current)) end
      if i == path.n then
        current.m[path[i]] = text
      else
        local inner = current.m[path[i]]
        if inner == nil or inner == null then
          inner = { k = "object", m = {} }
          current.m[path[i]] = inner
        end
        current = inner
      end
    end
  end

  -- A value as Envoy's metadata takes it.
  local function plain(value)
    local of, out = kind(value), {}
    if of == "array" then
      for i = 1, value.n do out[i] = plain(value[i]) end
      return out
    elseif of == "object" then
      for name, inner in pairs(value.m) do out[name] = plain(inner) end
      return out
    elseif of == "float" or of == "big" then
      return value.v
    end
    if of ~= "null" then return value end
  end

  -- What may be the value of a header: no line ends, by which another header could be smuggled in.
  local function header_value(name, text)
    if find(text, "[%z\1-\32]") then
      text = text:gsub("^[ \t\r\n]+", ""):gsub("[ \t\r\n]+$", "")
      if find(text, "[%z\r\n]") then fail("header '" .. name .. "' would have a line end in it") end
    end
    if byte(name) == 58 then
      if text == "" then fail("header '" .. name .. "' would be empty") end
      -- A blank would end it early in HTTP/1.
      if find(text, "[%z\1-\32\127]") then fail("header '" .. name .. "' would have a blank in it") end
      if name == ":status" and not find(text, "^[2-5]%d%d$") then fail("':status' would be '" .. text .. "'") end
    end
    return text
  end

  local function escaped(sign) return ("%%%02X"):format(byte(sign)) end

  -- A value as one part of a path or a query: it ends neither. What is escaped already stays.
  local function part(text)
    return (text:gsub("%%(%x%x)", "\1%1"):gsub("[^%w%-._~\1]", escaped):gsub("\1", "%%"))
  end

  -- The path of a call: nothing in it leads elsewhere.
  local function checked(path)
    local plain = ("/" .. path:match("^[^?]*") .. "/"):gsub("%%2[eE]", "."):gsub("%%2[fF]", "/"):gsub("%%5[cC]", "/")
    if plain:find("/%.%.?/") then fail("':path' would lead elsewhere") end
    return path
  end

  local function change_headers(run, m)
    local headers = run.headers
    for i = 1, m.headers.n do
      local one = m.headers[i]
      local of_call = m.call and one.name == ":path"
      run.part = of_call and m.call == "parts" and part or nil
      local text = header_value(one.name, one.value(run))
      run.part = nil
      if of_call then text = checked(text) end
      if text == "" then headers:remove(one.name) else headers:replace(one.name, text) end
    end
    for i = 1, m.remove.n do headers:remove(m.remove[i]) end
    for i = 1, m.append.n do
      local one = m.append[i]
      local text = header_value(one.name, one.value(run))
      if text ~= "" then headers:add(one.name, text) end
    end
  end

  local function set_metadata(run, all)
    for i = 1, #all do
      local one = all[i]
      local text = one.value(run)
      if text ~= "" then
        local ok, value = false, text
        if one.json then ok, value = pcall(json.parse, text) end
        if ok then value = plain(value) else value = text end
        if value ~= nil then run.handle:streamInfo():dynamicMetadata():set(one.namespace, one.key, value) end
      end
    end
  end

  -- What has been upgraded has no end to wait for.
  local function can_wait(headers, is_request)
    if is_request then return headers:get("upgrade") == nil and headers:get(":method") ~= "CONNECT" end
    return headers:get(":status") ~= "101"
  end

  local function set_body(run, wrapper, text)
    wrapper = wrapper or run.handle:body(true)
    wrapper:setBytes(text)
    run.headers:replace("content-length", tostring(#text))
  end

  local function signs(sign) return ("\\x%02x"):format(byte(sign)) end

  -- For whoever has switched on Envoy's debug log of Lua; on one line.
  local function log(handle, when, headers, text)
    local out = { "headers " .. when .. " transformation:" }
    for name, value in pairs(headers) do out[#out + 1] = "'" .. name .. "', '" .. value .. "'" end
    out[#out + 1] = "body " .. when .. " transformation: " .. (text or "")
    handle:logDebug((table.concat(out, " "):gsub("%c", signs)))
  end

  local function bytes(wrapper)
    return wrapper and wrapper:length() > 0 and wrapper:getBytes(0, wrapper:length()) or nil
  end

  local function template(program)
    local m = {
      parse = program.parse, ignore = program.ignore, merge = program.merge, waits = program.waits,
      escape = program.escape, advanced = program.advanced, log = program.log,
      call = program.call,
      body = program.body and templates.compile(program.body),
      headers = pairs_of(program.headers), append = pairs_of(program.append), remove = program.remove or { n = 0 },
      metadata = {}, extractors = {},
    }
    for i = 1, program.extractors and program.extractors.n or 0 do m.extractors[i] = extractor(program.extractors[i]) end
    for i = 1, program.metadata and program.metadata.n or 0 do
      local one = program.metadata[i].m
      m.metadata[i] = { namespace = one.namespace, key = one.key, json = one.json, value = templates.compile(one.value) }
    end

    return function(handle, headers, is_request)
      local wrapper
      local waits = m.waits and can_wait(headers, is_request)
      if waits then
        wrapper = handle:body()
        headers = handle:headers()
      end
      local run = {
        handle = handle, headers = headers, is_request = is_request, body = bytes(wrapper), context = null,
        data = nothing, extractions = m.advanced and {} or nil, escape = m.escape, left = most_steps,
      }
      if m.log then log(handle, "before", run.headers, run.body) end
      if m.parse and run.body then
        if m.ignore then
          local ok, value = pcall(json.parse, run.body)
          run.context = ok and value or null
          if ok and value == false then run.context = false end
        else
          run.context = json.parse(run.body)
        end
      end
      for i = 1, #m.extractors do
        local one = m.extractors[i]
        local found = one.find(run)
        if m.advanced then run.extractions[one.name] = found else put_extraction(run, one.path, found) end
      end
      if kind(run.context) == "object" then run.data = run.context end
      local text = m.body and m.body(run) or m.merge and values.dump(run.context) or nil
      set_metadata(run, m.metadata)
      change_headers(run, m)
      if text and waits then set_body(run, wrapper, text) end
      if waits and (text or run.body or "") == "" then run.headers:remove("content-type") end
      if m.log then log(handle, "after", run.headers, text or run.body) end
    end
  end

  -- A map of names to values; and one of the names that have several, to all of them.
  local function collect(each)
    local last, several = {}, {}
    each(function(name, value)
      local before = last[name]
      last[name] = value
      if before ~= nil and before ~= "" then
        several[name] = several[name] or values.array({ before }, 1)
        several[name].n = several[name].n + 1
        several[name][several[name].n] = value
      end
    end)
    return { k = "object", m = last }, { k = "object", m = several }
  end

  local function decode(text)
    return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
  end

  -- Gloo's headerBodyTransform: everything becomes the body, as JSON.
  local function lift(program, logs)
    return function(handle, headers, is_request)
      if not can_wait(headers, is_request) then return end
      local wrapper = handle:body()
      headers = handle:headers()
      local m = { body = bytes(wrapper) }
      if logs then log(handle, "before", headers, m.body) end
      local one, several = collect(function(found)
        for name, value in pairs(headers) do found(name, value) end
      end)
      m.headers = one
      if program.metadata and is_request then
        local path, query = (headers:get(":path") or ""):match("^([^?]*)%??(.*)$")
        m.multiValueHeaders, m.httpMethod, m.path, m.queryString = several, headers:get(":method") or "", path, query
        m.queryStringParameters, m.multiValueQueryStringParameters = collect(function(found)
          for pair in query:gmatch("[^&]+") do
            local name, value = pair:match("^([^=]*)=(.*)$")
            if name then found(decode(name), decode(value)) else found(pair, "") end
          end
        end)
      end
      local text = values.dump({ k = "object", m = m })
      headers:replace("content-type", "application/json")
      set_body({ handle = handle, headers = headers }, wrapper, text)
      if logs then log(handle, "after", headers, text) end
    end
  end

  function transformation.compile(program)
    if not program then return nil end
    return program.m.lift and lift(program.m.lift.m, program.m.log) or template(program.m)
  end
end
