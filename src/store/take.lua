-- Takes up to ARGV[1] numbers from the bounded counter in the hash KEYS[1], as counter.rs does:
-- returns {first, granted, limit, generation}. With 0 wanted it only looks, and writes nothing.
-- It never creates the counter: one that was lost must not begin again at 1 behind our back.
--
-- An ask whose answer was lost comes again, and must not take again. So the answer is remembered
-- in KEYS[2], a place of the asking link, for ARGV[3] ms, under the ask's sequence number ARGV[2].
-- ARGV[4] and ARGV[5]: the generation, and how many taken in it, that the asker has seen.
--
-- pcall and not call: an error of Redis then keeps its code in front in every version.
local wanted, sequence = tonumber(ARGV[1]), tonumber(ARGV[2])
local held = redis.pcall('HMGET', KEYS[1], 'taken', 'limit', 'generation')
if held.err then return held end
-- Digits alone, and no more of them than a double counts without a gap: 2^53 - 1 is the bound.
local function count(text)
  local number = text and text:match('^%d+$') and tonumber(text)
  return number and number <= 9007199254740991 and number
end
local taken, limit, generation = count(held[1]), count(held[2]), count(held[3])
if not taken or not limit or not generation then
  return redis.error_reply('NOCOUNTER the fields taken, limit and generation are no count')
end
local seen_generation, seen_taken = tonumber(ARGV[4]), tonumber(ARGV[5])
if generation < seen_generation or (generation == seen_generation and taken < seen_taken) then
  return redis.error_reply(string.format(
    'BACKWARDS %d are taken in generation %d, and %d in %d were seen',
    taken, generation, seen_taken, seen_generation))
end
-- The guard: never past the limit.
local granted = math.max(0, math.min(wanted, limit - taken))
local function put_back()
  if granted > 0 then redis.call('HINCRBY', KEYS[1], 'taken', -granted) end
end
local told = false
if granted > 0 then
  local written = redis.pcall('HINCRBY', KEYS[1], 'taken', granted)
  if type(written) == 'table' and written.err then return written end
  -- After the count, never before: an answer that is remembered was taken. One call writes it and
  -- reads the one before it: with a call for each the script took a tenth longer.
  local answer = string.format('%d %d %d %d %d', sequence, taken + 1, granted, limit, generation)
  told = redis.pcall('SET', KEYS[2], answer, 'PX', ARGV[3], 'GET')
elseif wanted > 0 then
  told = redis.pcall('GET', KEYS[2])
end
if type(told) == 'table' and told.err then
  put_back()
  return told
end
local told_sequence = told and tonumber(told:match('^%d+'))
if told_sequence and told_sequence >= sequence then
  local first, told_granted, told_limit, told_generation =
    told:match('^%d+ (%d+) (%d+) (%d+) (%d+)$')
  local is_again = told_sequence == sequence and tonumber(told_generation) == generation
  -- A connection that was given up is read late: its ask was asked again, and answered, since.
  local is_stale = told_sequence > sequence
  if is_again or is_stale then
    put_back()
    redis.call('SET', KEYS[2], told, 'PX', ARGV[3])
  end
  if is_again then
    return {tonumber(first), tonumber(told_granted), tonumber(told_limit), generation}
  elseif is_stale then
    return redis.error_reply('STALE a later ask of this link was answered')
  end
end
return {taken + 1, granted, limit, generation}
