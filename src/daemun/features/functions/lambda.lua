-- A request as a call of AWS Lambda's API (Invoke), and the function's answer as a response.
--
-- It runs in the function's cluster, before the filter that signs. What is called is in the filter's context, `call`.
-- Nothing of the client's is left that the API would heed: it says neither which function is called nor how.
do
  local find, byte, char, format, concat = string.find, string.byte, string.char, string.format, table.concat
  local cache = {}
  local kept = { ["content-type"] = true, ["x-amzn-trace-id"] = true }
  local framing = {
    ["connection"] = true, ["content-length"] = true, ["keep-alive"] = true, ["proxy-connection"] = true,
    ["te"] = true, ["trailer"] = true, ["transfer-encoding"] = true, ["upgrade"] = true,
  }
  local lift = transformation.compile({ m = { lift = { m = { metadata = true } } } })

  local function call_of(handle)
    local text = handle:filterContext():get("call")
    if not text then return nil end
    local call = cache[text]
    if not call then
      call = json.parse(text).m
      cache[text] = call
    end
    return call
  end

  local function bytes(wrapper)
    return wrapper:length() > 0 and wrapper:getBytes(0, wrapper:length()) or ""
  end

  -- Text as JSON can say it: bytes that are no UTF-8 are taken for Latin-1.
  local function text_of(value)
    if values.is_utf8(value) then return value end
    return (value:gsub("[\128-\255]", function(one)
      local code = byte(one)
      return char(0xC0 + bit.rshift(code, 6), 0x80 + code % 64)
    end))
  end

  -- Names with their last values, and with all of them.
  local function collect(each)
    local last, all = {}, {}
    each(function(name, value)
      name, value = text_of(name), text_of(value)
      last[name] = value
      all[name] = all[name] or values.array({}, 0)
      all[name].n = all[name].n + 1
      all[name][all[name].n] = value
    end)
    if next(last) == nil then return values.null, values.null end
    return { k = "object", m = last }, { k = "object", m = all }
  end

  local function decoded(text)
    return (text:gsub("%+", " "):gsub("%%(%x%x)", function(digits) return char(tonumber(digits, 16)) end))
  end

  local function source_of(handle)
    local ok, address = pcall(function() return handle:streamInfo():downstreamRemoteAddress() end)
    return ok and (address:match("^%[(.*)%]:%d+$") or address:match("^(.*):%d+$") or address) or ""
  end

  -- The event of an API Gateway with proxy integration (payload format 1.0).
  local function event_of(handle, headers, body)
    local path, query = headers:get(":path"):match("^([^?]*)%??(.*)$")
    local method, id = headers:get(":method"), headers:get("x-request-id")
    local m = { version = "1.0", resource = path, path = path, httpMethod = method }
    m.headers, m.multiValueHeaders = collect(function(found)
      for name, value in pairs(headers) do
        if name == ":authority" then found("host", value) elseif byte(name) ~= 58 then found(name, value) end
      end
    end)
    m.queryStringParameters, m.multiValueQueryStringParameters = collect(function(found)
      for pair in query:gmatch("[^&]+") do
        local name, value = pair:match("^([^=]*)=(.*)$")
        found(decoded(name or pair), decoded(value or ""))
      end
    end)
    m.pathParameters, m.stageVariables = values.null, values.null
    m.requestContext = { k = "object", m = {
      accountId = "", apiId = "", stage = "", resourceId = "", resourcePath = path, path = path, httpMethod = method,
      protocol = handle:streamInfo():protocol() or "", requestId = id or "",
      identity = { k = "object", m = { sourceIp = source_of(handle), userAgent = headers:get("user-agent") or "" } },
    } }
    m.isBase64Encoded = not values.is_utf8(body)
    m.body = body == "" and values.null or m.isBase64Encoded and handle:base64Escape(body) or body
    return values.dump({ k = "object", m = m })
  end

  local function only(headers, stays)
    local gone = {}
    for name in pairs(headers) do
      if byte(name) ~= 58 and not stays[name] then gone[#gone + 1] = name end
    end
    for i = 1, #gone do headers:remove(gone[i]) end
  end

  local function request(handle)
    local call = call_of(handle)
    if not call then error("no function") end
    local wrapper = handle:body(true)
    local headers = handle:headers()
    local path, method = headers:get(":path"), headers:get(":method")
    if call.event == "apiGateway" then
      wrapper:setBytes(event_of(handle, headers, bytes(wrapper)))
      headers:replace("content-type", "application/json")
    elseif call.event == "request" then
      lift(handle, headers, true)
    end
    only(headers, kept)
    headers:replace(":method", "POST")
    headers:replace(":path", call.path)
    headers:replace("x-amz-invocation-type", call.async and "Event" or "RequestResponse")
    headers:replace("x-amz-log-type", "None")
    if call.original then
      headers:replace("x-envoy-original-path", path)
      headers:replace("x-envoy-original-method", method)
    end
    headers:replace("content-length", tostring(handle:body(true):length()))
  end

  function envoy_on_request(handle)
    local ok, problem = pcall(request, handle)
    if ok then return end
    local of_client = type(problem) == "table"
    if not of_client then handle:logErr(tostring(problem)) end
    local told = of_client and "bad request: " .. tostring(problem.text) or "no function is called"
    handle:respond({ [":status"] = of_client and "400" or "500", ["content-type"] = "text/plain" }, told)
  end

  local digits = {}
  for at, sign in ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"):gmatch("()(.)") do
    digits[byte(sign)] = at - 1
  end

  -- Bytes of base64 (RFC 4648); nothing for what is none.
  local function unescaped(text)
    text = text:gsub("[\r\n]", ""):gsub("=+$", "")
    local out, count, rest = {}, 0, #text % 4
    if rest == 1 then return nil end
    for at = 1, #text - rest, 4 do
      local a, b, c, d = byte(text, at, at + 3)
      a, b, c, d = digits[a], digits[b], digits[c], digits[d]
      if not (a and b and c and d) then return nil end
      local bits = a * 262144 + b * 4096 + c * 64 + d
      count = count + 1
      out[count] = char(bit.rshift(bits, 16), bit.band(bit.rshift(bits, 8), 255), bit.band(bits, 255))
    end
    if rest > 0 then
      local a, b, c = digits[byte(text, -rest)], digits[byte(text, 1 - rest)], rest == 3 and digits[byte(text, -1)] or 0
      if not (a and b and c) then return nil end
      local bits = a * 4096 + b * 64 + c
      out[count + 1] = char(bit.rshift(bits, 10)) .. (rest == 3 and char(bit.band(bit.rshift(bits, 2), 255)) or "")
    end
    return concat(out)
  end

  local function written(value)
    return type(value) == "string" and value or values.dump(value)
  end

  local function is(value, of) return type(value) == "table" and value.k == of end

  -- Headers of the function's own; what frames the message is not for it to say, and what cannot be one is left out.
  local function add(headers, name, value)
    name, value = name:lower(), written(value)
    if framing[name] or not find(name, "^[%w!#$%%&'*+.^_`|~-]+$") or find(value, "[%z\1-\8\10-\31\127]") then return end
    headers:add(name, value)
  end

  local function status_of(value)
    if value == nil or value == values.null then return 200 end
    local status = type(value) == "string" and find(value, "^%d+$") and tonumber(value) or value
    if type(status) ~= "number" or status < 200 or status > 599 then error("no status", 0) end
    return status
  end

  -- The answer of a function that says status, headers and body itself, as behind an ALB or an API Gateway.
  local function unwrap(answer, headers)
    if not is(answer, "object") then error("no object", 0) end
    local m = answer.m
    local status = status_of(m.statusCode)
    local body = (m.body == nil or m.body == values.null) and "" or written(m.body)
    if m.isBase64Encoded == true then body = unescaped(body) or error("no base64", 0) end
    only(headers, {})
    for name, value in pairs(is(m.headers, "object") and m.headers.m or {}) do
      local several = is(m.multiValueHeaders, "object") and m.multiValueHeaders.m[name]
      if value ~= values.null and not several then add(headers, name, value) end
    end
    for name, several in pairs(is(m.multiValueHeaders, "object") and m.multiValueHeaders.m or {}) do
      for at = 1, is(several, "array") and several.n or 0 do add(headers, name, several[at]) end
    end
    for at = 1, is(m.cookies, "array") and m.cookies.n or 0 do add(headers, "set-cookie", m.cookies[at]) end
    headers:replace(":status", tostring(status))
    return (status == 204 or status == 304) and "" or body
  end

  -- Its `body`, as a page.
  local function page(answer, headers)
    if not is(answer, "object") or answer.m.body == nil then error("no body", 0) end
    headers:replace("content-type", "text/html")
    return written(answer.m.body)
  end

  local function response(handle, call, headers, body)
    if headers:get(":status") ~= "200" or headers:get("x-amz-function-error") then error("it failed", 0) end
    local answer = json.parse(body)
    return (call.answer == "page" and page or unwrap)(answer, headers)
  end

  function envoy_on_response(handle)
    local call = call_of(handle)
    if not (call and call.answer) or call.async then return end
    local wrapper = handle:body(true)
    local headers = handle:headers()
    local ok, body = pcall(response, handle, call, headers, bytes(wrapper))
    if not ok then
      -- As an ALB and an API Gateway do: what went wrong inside is nobody's business outside.
      only(headers, {})
      headers:replace(":status", "502")
      headers:replace("content-type", "application/json")
      body = '{"message":"Internal server error"}'
    end
    wrapper:setBytes(body)
    headers:replace("content-length", tostring(#body))
  end
end
