-- What Envoy calls: the stage of the transformations of the route that was found that is at this place.
do
  local cache, cached, most = {}, 0, 1000
  local namespace, details = "daemun.transformation", "x-daemun-details"
  local failed = -1

  local function add_requests(stage, programs)
    for i = 1, programs and programs.n or 0 do
      local one = programs[i].m
      stage.requests[#stage.requests + 1] = {
        matches = matching.request(one.match), clear = one.clear,
        request = transformation.compile(one.request), response = transformation.compile(one.response),
        waits = one.request and (one.request.m.waits or one.request.m.lift) and true,
      }
      stage.answers = stage.answers or one.response ~= nil
    end
  end

  local function add_responses(stage, programs)
    for i = 1, programs and programs.n or 0 do
      local one = programs[i].m
      stage.responses[#stage.responses + 1] = {
        matches = matching.headers(one.headers), details = one.details, response = transformation.compile(one.response),
      }
      stage.answers = true
    end
  end

  -- The stage of a place, with what each of the programs has for it.
  local function compile(programs)
    local m = programs[1].m
    local stage = { name = m.stage, inherits = m.inherit, yields = m.yields, requests = {}, responses = {} }
    for i = 1, #programs do
      m = programs[i].m
      stage.details = stage.details or m.details
      add_requests(stage, m.requests)
      add_responses(stage, m.responses)
    end
    return stage
  end

  local function room()
    if cached >= most then cache, cached = {}, 0 end
    cached = cached + 1
  end

  -- The stage that the route's context holds, and that of its host where it is inherited; made once, and found again
  -- by their texts, each of which Lua has only once.
  local function stage_of(handle)
    local text = handle:filterContext():get("program")
    if not text then return nil end
    local stage = cache[text]
    if not stage then
      room()
      stage = compile({ json.parse(text) })
      cache[text] = stage
    end
    -- It is the host's, of a route that is alone.
    if stage.yields and handle:metadata():get("alone") then return nil end
    if not stage.inherits then return stage end
    local above = handle:virtualHost():metadata():get("program")
    if not above then return stage end
    stage.joined = stage.joined or {}
    local joined = stage.joined[above]
    if not joined then
      room()
      joined = compile({ json.parse(text), json.parse(above) })
      stage.joined[above] = joined
    end
    return joined
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

  local function request(handle)
    local stage = stage_of(handle)
    if not stage then return end
    local headers = handle:headers()
    for i = 1, #stage.requests do
      local one = stage.requests[i]
      if one.matches(headers) then
        -- A body that is too long is answered by Envoy, and nobody comes back to here.
        if one.waits then remember(handle, stage, failed) end
        if one.request then
          one.request(handle, headers, true)
          if one.clear then handle:clearRouteCache() end
        end
        remember(handle, stage, i)
        return
      end
    end
  end

  function envoy_on_request(handle)
    local ok, problem = pcall(request, handle)
    if ok then return end
    local text = message(handle, problem)
    local found, stage = pcall(stage_of, handle)
    if found and stage then remember(handle, stage, failed) end
    handle:respond({ [":status"] = "400", ["content-type"] = "text/plain" }, text)
  end

  local function chosen(handle, stage, headers)
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

  local function response(handle)
    local stage = stage_of(handle)
    if not (stage and stage.answers) then return end
    local headers = handle:headers()
    local transform = chosen(handle, stage, headers)
    if transform then transform(handle, headers, false) end
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
