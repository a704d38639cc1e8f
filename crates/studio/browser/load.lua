-- Every question of load.mjs is for another sample; all are written before the first is asked, which leaves the processor to the server.
local questions = {}
local last = 0
init = function()
  for number = 1, 50000 do
    questions[number] = wrk.format("GET", "/v1/sample?seed=1&number=" .. number)
  end
end
request = function()
  last = last % #questions + 1
  return questions[last]
end
