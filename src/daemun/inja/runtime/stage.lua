-- What Envoy calls: one stage of the transformations of the route that was found.
do
  local cache, cached, most = {}, 0, 1000
  local namespace, details = "daemun.transformation", "x-daemun-details"

  local function compile(text)
    local m = json.parse(text).m
    local stage = { name = m.stage, details = m.details, requests = {}, responses = {}, answers = false }
    for i = 1, m.requests and m.requests.n or 0 do
      local one = m.requests[i].m
      stage.requests[i] = {
        matches = matching.request(one.match), clear = one.clear,
        request = transformation.compile(one.request), response = transformation.compile(one.response),
      }
      stage.answers = stage.answers or one.response ~= nil
    end
    for i = 1, m.responses and m.responses.n or 0 do
      local one = m.responses[i].m
      stage.responses[i] = {
        matches = matching.headers(one.headers), details = one.details, response = transformation.compile(one.response),
      }
    end
    return stage
  end

  -- The stage that the route's context holds; made once, found again by its digest.
  local function stage_of(handle)
    local context = handle:filterContext()
    local id = context:get("id")
    if not id then return nil end
    local stage = cache[id]
    if not stage then
      if cached >= most then cache, cached = {}, 0 end
      stage = compile(context:get("program"))
      cache[id], cached = stage, cached + 1
    end
    return stage
  end

  local function message(handle, problem)
    if type(problem) == "table" then return "bad request: " .. tostring(problem.text) end
    if tostring(problem):find("stack overflow", 1, true) then return "bad request: nested too deep" end
    handle:logErr(tostring(problem))
    return "bad request"
  end

  local function remember(handle, stage, which)
    if stage.answers or #stage.responses > 0 then handle:streamInfo():dynamicMetadata():set(namespace, stage.name, which) end
  end

  local function request(handle)
    local stage = stage_of(handle)
    if not stage then return end
    local headers = handle:headers()
    for i = 1, #stage.requests do
      local one = stage.requests[i]
      if one.matches(headers) then
        remember(handle, stage, i)
        if one.request then
          local can_wait = headers:get("upgrade") == nil and headers:get(":method") ~= "CONNECT"
          one.request(handle, can_wait, function() return handle:headers() end, true)
          if one.clear then handle:clearRouteCache() end
        end
        return
      end
    end
  end

  function envoy_on_request(handle)
    local ok, problem = pcall(request, handle)
    if ok then return end
    local text = message(handle, problem)
    local found, stage = pcall(stage_of, handle)
    if found then remember(handle, stage, -1) end
    handle:respond({ [":status"] = "400", ["content-type"] = "text/plain" }, text)
  end

  local function chosen(handle, stage)
    local headers = handle:headers()
    local why
    if stage.details then
      why = headers:get(details)
      if stage.details == "last" then headers:remove(details) end
    end
    local which = (handle:streamInfo():dynamicMetadata():get(namespace) or {})[stage.name]
    -- What this stage itself has answered stays as it is.
    if which == -1 then return nil end
    local one = stage.requests[which]
    if one and one.response then return one.response end
    for i = 1, #stage.responses do
      one = stage.responses[i]
      if (not one.details or one.details == why) and one.matches(headers) then return one.response end
    end
    return nil
  end

  local function response(handle)
    local stage = stage_of(handle)
    if not stage or not (stage.answers or #stage.responses > 0) then return end
    local transform = chosen(handle, stage)
    if not transform then return end
    local can_wait = handle:headers():get(":status") ~= "101"
    transform(handle, can_wait, function() return handle:requestHeaders() end, false)
  end

  function envoy_on_response(handle)
    local ok, problem = pcall(response, handle)
    if ok then return end
    local text = message(handle, problem)
    local body = handle:body(true)
    local headers = handle:headers()
    headers:replace(":status", "400")
    headers:replace("content-type", "text/plain")
    body:setBytes(text)
    headers:replace("content-length", tostring(#text))
  end
end
