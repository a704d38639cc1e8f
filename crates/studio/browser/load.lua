-- Every question of load.mjs is for another sample.
local number = 0
request = function()
  number = number + 1
  return wrk.format("GET", "/v1/sample?seed=1&number=" .. number)
end
