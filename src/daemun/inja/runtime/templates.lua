-- Templates: programs become closures that take the run's state.
local templates = {}
do
  local fail, kind, null, spend = values.fail, values.kind, values.null, values.spend
  local type, concat = type, table.concat
  local longest = 16 * 1024 * 1024
  local build, statements
  -- What a template has set, where it can set nothing.
  local untouched = { loop = null }

  local function failing(place, what)
    fail("[inja.exception.render_error] (at " .. place .. ") " .. what)
  end

  -- Variables

  local function follow(value, path, from)
    for i = from, path.n do
      local of = type(value) == "table" and value.k
      local name = path[i]
      if of == "object" then
        value = value.m[name]
      elseif of == "array" then
        value = (name == "0" or name:find("^[1-9]%d*$")) and value[tonumber(name) + 1]
        if not value and value ~= false then return nil end
      else
        return nil
      end
      if value == nil then return nil end
    end
    return value
  end

  local function find(run, path)
    local first = path[1]
    local own = run.own[first]
    if own ~= nil then
      local found = follow(own, path, 2)
      if found ~= nil then return found end
    end
    local data = run.data.m[first]
    if data ~= nil then return follow(data, path, 2) end
    return nil
  end

  local expressions = {}

  function expressions.literal(program)
    local value = program[2]
    return function() return value end
  end

  -- Nothing when there is none of that name: only here, and only `default` takes it.
  function expressions.variable(program)
    local name, path = program[3], program[4]
    local call = (name == "body" or name == "context") and functions[name]
    return function(run)
      local found = find(run, path)
      if found == nil and call then return call(run) end
      return found
    end
  end

  local function needed(program)
    local found = build(program)
    if program[1] ~= "variable" then return found end
    local place, name = program[2], program[3]
    return function(run)
      local value = found(run)
      if value == nil then failing(place, "variable '" .. name .. "' not found") end
      return value
    end
  end

  expressions["and"] = function(program)
    local a, b = needed(program[3]), needed(program[4])
    return function(run) return values.truthy(a(run)) and values.truthy(b(run)) end
  end

  expressions["or"] = function(program)
    local a, b = needed(program[3]), needed(program[4])
    return function(run) return values.truthy(a(run)) or values.truthy(b(run)) end
  end

  expressions["default"] = function(program)
    local a, b = build(program[3]), needed(program[4])
    return function(run)
      local found = a(run)
      if found == nil then return b(run) end
      return found
    end
  end

  function expressions.exists(program)
    local name = needed(program[3])
    return function(run)
      local value = run.data
      for part in (values.text(name(run)) .. "."):gmatch("([^.]*)%.") do
        for inner in (part .. "/"):gmatch("([^/]*)/") do
          value = follow(value, { inner, n = 1 }, 1)
          if value == nil then return false end
        end
      end
      return true
    end
  end

  function expressions.member(program)
    local container, name = needed(program[3]), program[4]
    return function(run) return functions.at(run, container(run), name) end
  end

  function expressions.env(program)
    local name, allowed = needed(program[3]), program[4]
    return function(run) return functions.env(run, name(run), allowed) end
  end

  local reads = { header = true, request_header = true }

  function build(program)
    local operation = program[1]
    local special = expressions[operation]
    if special then return special(program) end
    local call = functions[operation] or operators[operation]
    local a = program[3] and needed(program[3])
    local b = program[4] and needed(program[4])
    local c = program[5] and needed(program[5])
    if not a then return call end
    if reads[operation] and program[3][1] == "literal" and type(program[3][2]) == "string" then
      local name = program[3][2]
      return function(run) return call(run, name) end
    end
    if not b then return function(run) return call(run, a(run)) end end
    if not c then return function(run) return call(run, a(run), b(run)) end end
    return function(run) return call(run, a(run), b(run), c(run)) end
  end

  -- Statements

  local function printed(run, value)
    if run.part then return run.part(type(value) == "string" and value or values.dump(value)) end
    if type(value) == "string" then return run.escape and values.escape(value) or value end
    local of = kind(value)
    if of == "integer" or of == "float" or of == "big" then return values.number_text(value) end
    if of == "null" then return "" end
    return values.dump(value)
  end

  local function put(run, text)
    local count = run.count + 1
    run.count = count
    run.out[count] = text
    run.size = run.size + #text
    if run.size > longest then fail("the text is too long") end
  end

  local makers = {}

  function makers.out(program)
    local value = needed(program[2])
    return function(run) put(run, printed(run, value(run))) end
  end

  makers["if"] = function(program)
    local condition, yes, no = needed(program[2]), statements(program[3]), statements(program[4])
    return function(run)
      if values.truthy(condition(run)) then yes(run) else no(run) end
    end
  end

  function makers.set(program)
    local path, value = program[2], needed(program[3])
    return function(run)
      local found, m = value(run), run.own
      for i = 1, path.n - 1 do
        -- A copy: what is set must not change the value that it may have come from.
        local before, copy = m[path[i]], {}
        if before ~= nil and kind(before) == "object" then
          for name, one in pairs(before.m) do copy[name] = one end
        end
        m[path[i]] = { k = "object", m = copy }
        m = copy
      end
      m[path[path.n]] = found
    end
  end

  local cleared = { string = "", integer = 0, float = 0, big = 0, boolean = false }

  local function clear(run, name)
    local value = run.own[name]
    if value == nil then
      value = null
    elseif kind(value) == "array" then
      value = values.array({}, 0)
    elseif kind(value) == "object" then
      value = { k = "object", m = {} }
    elseif value ~= null then
      value = cleared[kind(value)]
    end
    run.own[name] = value
  end

  makers["for"] = function(program)
    local place, key, value = program[2], program[3], program[4]
    local items, body = needed(program[5]), statements(program[6])
    return function(run)
      local found = items(run)
      local of = kind(found)
      if key == "" and of ~= "array" then failing(place, "object must be an array") end
      if key ~= "" and of ~= "object" then failing(place, "object must be an object") end
      local names = key ~= "" and values.names(found)
      local count = key ~= "" and #names or found.n
      local outer = run.own.loop
      local m = { parent = outer ~= null and outer or nil }
      run.own.loop = { k = "object", m = m }
      for i = 1, count do
        spend(run, 1)
        m.index, m.index1, m.is_first, m.is_last = i - 1, i, i == 1, i == count
        if names then
          run.own[key], run.own[value] = names[i], found.m[names[i]]
        else
          run.own[value] = found[i]
        end
        body(run)
      end
      if names then clear(run, key) end
      clear(run, value)
      run.own.loop = outer
    end
  end

  function statements(program)
    local steps, count = {}, program.n
    for i = 1, count do
      local one = program[i]
      if type(one) == "string" then
        steps[i] = function(run) put(run, one) end
      else
        steps[i] = makers[one[1]](one)
      end
    end
    return function(run)
      for i = 1, count do steps[i](run) end
    end
  end

  -- A function from the run's state to text.
  function templates.compile(program)
    if program.n == 0 then return function() return "" end end
    if program.n == 1 then
      local one = program[1]
      if type(one) == "string" then return function() return one end end
      if one[1] == "out" then
        local value = needed(one[2])
        return function(run)
          run.own = untouched
          return printed(run, value(run))
        end
      end
    end
    local all = statements(program)
    return function(run)
      run.own = { loop = null }
      run.out, run.count, run.size = {}, 0, 0
      all(run)
      return concat(run.out, "", 1, run.count)
    end
  end
end
