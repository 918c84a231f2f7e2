-- Which requests and which responses a transformation is for.
local matching = {}
do
  local function truth() return true end

  local function header(program)
    local m = program.m
    local name, value, invert = m.name, m.value, m.invert or false
    local expression = m.regex and regex.compile(m.regex)
    return function(headers)
      local found = headers:get(name)
      local same = found ~= nil
      if same and expression then same = expression.matches(found) elseif same and value then same = found == value end
      return same ~= invert
    end
  end

  local function parameters(path)
    local found = {}
    for pair in (path:match("%?([^#]*)") or ""):gmatch("[^&]+") do
      local name, value = pair:match("^([^=]*)=?(.*)$")
      if found[name] == nil then found[name] = value end
    end
    return found
  end

  local function query(program)
    local m = program.m
    local expression = m.regex and regex.compile(m.regex)
    return function(found)
      local value = found[m.name]
      if value == nil then return false end
      if expression then return expression.matches(value) end
      return m.value == nil or value == m.value
    end
  end

  local function path(m)
    local expression = m.regex and regex.compile(m.regex)
    local wanted = m.exact or m.prefix
    if not (expression or wanted) then return truth end
    local fold = m.fold
    if fold and wanted then wanted = wanted:lower() end
    return function(whole)
      if fold then whole = whole:lower() end
      if m.prefix then return whole:sub(1, #wanted) == wanted end
      local bare = whole:match("^[^?#]*")
      if expression then return expression.matches(bare) end
      return bare == wanted
    end
  end

  local function each(programs, make)
    local found = {}
    for i = 1, programs and programs.n or 0 do found[i] = make(programs[i]) end
    return found
  end

  function matching.headers(programs)
    local all = each(programs, header)
    return function(headers)
      for i = 1, #all do
        if not all[i](headers) then return false end
      end
      return true
    end
  end

  -- A function from the request's headers to whether they match.
  function matching.request(program)
    if not program then return truth end
    local m = program.m
    local on_path, on_headers, on_query = path(m), matching.headers(m.headers), each(m.query, query)
    local methods = each(m.methods, function(name) return name end)
    return function(headers)
      local whole = headers:get(":path") or ""
      if not on_path(whole) then return false end
      if #methods > 0 then
        local method, found = headers:get(":method"), false
        for i = 1, #methods do found = found or methods[i] == method end
        if not found then return false end
      end
      if not on_headers(headers) then return false end
      if #on_query > 0 then
        local found = parameters(whole)
        for i = 1, #on_query do
          if not on_query[i](found) then return false end
        end
      end
      return true
    end
  end
end
