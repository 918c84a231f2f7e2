-- What Envoy calls: the stages of the transformations of the route that was found, as far as they are at this place.
do
  local cache, cached, most = {}, 0, 1000
  local namespace, details = "daemun.transformation", "x-daemun-details"
  local failed = -1

  local function compile(m)
    local stage = { name = m.stage, details = m.details, requests = {}, responses = {}, answers = false }
    for i = 1, m.requests and m.requests.n or 0 do
      local one = m.requests[i].m
      stage.requests[i] = {
        matches = matching.request(one.match), clear = one.clear,
        request = transformation.compile(one.request), response = transformation.compile(one.response),
        waits = one.request and (one.request.m.waits or one.request.m.lift) and true,
      }
      stage.answers = stage.answers or one.response ~= nil
    end
    for i = 1, m.responses and m.responses.n or 0 do
      local one = m.responses[i].m
      stage.responses[i] = {
        matches = matching.headers(one.headers), details = one.details, response = transformation.compile(one.response),
      }
    end
    stage.answers = stage.answers or #stage.responses > 0
    return stage
  end

  -- The stages that the route's context holds; made once, and found again by their text, which Lua has only once.
  local function stages_of(handle)
    local text = handle:filterContext():get("program")
    if not text then return {} end
    local stages = cache[text]
    if not stages then
      if cached >= most then cache, cached = {}, 0 end
      local programs = json.parse(text)
      stages = {}
      for i = 1, programs.n do stages[i] = compile(programs[i].m) end
      cache[text], cached = stages, cached + 1
    end
    return stages
  end

  local function message(handle, problem)
    if type(problem) == "table" then return "bad request: " .. tostring(problem.text) end
    if tostring(problem):find("stack overflow", 1, true) then return "bad request: nested too deep" end
    handle:logErr(tostring(problem))
    return "bad request"
  end

  -- What the response will have to know of the request: which transformations are its own, or that there were none.
  local function remember(handle, stage, which)
    if stage.answers then handle:streamInfo():dynamicMetadata():set(namespace, stage.name, which) end
  end

  local function request(handle, stage)
    local headers = handle:headers()
    for i = 1, #stage.requests do
      local one = stage.requests[i]
      if one.matches(headers) then
        -- A body that is too long is answered by Envoy, and nobody comes back to here.
        if one.waits then remember(handle, stage, failed) end
        if one.request then
          one.request(handle, true)
          if one.clear then handle:clearRouteCache() end
        end
        remember(handle, stage, i)
        return
      end
    end
  end

  local function requests(handle)
    local stages = stages_of(handle)
    for i = 1, #stages do
      request(handle, stages[i])
    end
  end

  function envoy_on_request(handle)
    local ok, problem = pcall(requests, handle)
    if ok then return end
    local text = message(handle, problem)
    for _, stage in ipairs(cache[handle:filterContext():get("program")] or {}) do remember(handle, stage, failed) end
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
    if which == failed then return nil end
    local one = stage.requests[which]
    if one and one.response then return one.response end
    for i = 1, #stage.responses do
      one = stage.responses[i]
      if (not one.details or one.details == why) and one.matches(headers) then return one.response end
    end
    return nil
  end

  local function response(handle, stage)
    local transform = chosen(handle, stage)
    if not transform then return end
    transform(handle, false)
  end

  local function responses(handle)
    local stages = stages_of(handle)
    for i = #stages, 1, -1 do
      if stages[i].answers then response(handle, stages[i]) end
    end
  end

  function envoy_on_response(handle)
    local ok, problem = pcall(responses, handle)
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
