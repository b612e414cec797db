-- Creates the counter in the hash KEYS[1] with the limit ARGV[2] and nothing taken, if there is none.
-- ARGV[1]: the change's own token. Returns {taken, limit, 1} if it created the counter, now or when
-- it was sent before, and {taken, limit, 0} of one that is there and can be taken from.
--
-- A counter that was lost, or that holds less than was seen of it, is left as it is: a create must
-- not end its refusal. Nor is one that cannot be read touched. Then the error DECLINED says so.
local key, token = KEYS[1], ARGV[1]
local name = key:match('{(.*)}')
local held = redis.pcall('HMGET', key, 'taken', 'limit', 'epoch', 'made', 'floor', 'token',
  'version', 'generation')
if held.err then return held end
local taken, limit, epoch, made, floor, held_token, version, generation = unpack(held)

local function declined(...)
  return redis.error_reply('DECLINED ' .. string.format(...))
end
-- As in change.lua.
local function count(text)
  local number = text and text:match('^%d+$') and tonumber(text)
  return number and number <= 9007199254740991 and number
end

local floor_epoch, floor_taken = 0, 0
if floor then
  local epoch_text, taken_text = floor:match('^(%d+) (%d+)$')
  floor_epoch, floor_taken = count(epoch_text), count(taken_text)
  if not (floor_epoch and floor_taken) then
    return declined('the field floor cannot be read: see headcount status %s', name)
  end
end
local lost = string.format('counter %s was lost after %d were taken: go on with headcount set %s '
  .. '--taken N, or begin at 1 with headcount reset %s', name, floor_taken, name, name)

if not (taken or limit or epoch or version or generation) then
  if floor then return declined('%s', lost) end
  local now = redis.call('TIME')
  local begun = string.format('%d', now[1] * 1000000 + now[2])
  -- headcount 0.1 reads '-' as no counter, and so stops taking by its own rules.
  local written = redis.pcall('HSET', key, 'version', 2, 'taken', 0, 'limit', ARGV[2],
    'epoch', begun, 'made', 'created', 'sale', begun, 'token', token, 'generation', '-')
  if type(written) == 'table' then return written end
  return {0, ARGV[2], 1}
end
if version ~= '2' then
  return declined('another version of headcount wrote counter %s', name)
end
taken, limit, epoch = count(taken), count(limit), count(epoch)
if not (taken and limit and epoch) then
  return declined('counter %s is there and cannot be read: see headcount status %s', name, name)
end
if held_token == token and made == 'created' then return {taken, limit, 1} end
if epoch < floor_epoch or (epoch == floor_epoch and taken < floor_taken)
  or (epoch > floor_epoch and floor_epoch > 0 and made == 'created') then
  return declined('%s', lost)
end
return {taken, limit, 0}
