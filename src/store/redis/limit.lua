-- Changes the limit of the counter in the hash KEYS[1] to ARGV[4]; below what is taken it becomes what
-- is taken, so that taken <= limit holds. It begins no epoch and leaves the floor as it is. ARGV[1]:
-- the change's own token. ARGV[2], ARGV[3]: the epoch, and the token of the last change, that were
-- read before: it runs on those alone, so that one that arrives late undoes no later change.
--
-- Returns {taken, limit} of a change that is done, now or when it was sent before, and else the
-- error DECLINED.
local key, token, asked = KEYS[1], ARGV[1], tonumber(ARGV[4])
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

if not (taken or limit or epoch or version or generation) then
  if not floor then
    return declined('there is no counter %s: headcount create %s --limit N creates it', name, name)
  end
  return declined('counter %s was lost after %s were taken: go on with headcount set %s --taken N, '
    .. 'or begin at 1 with headcount reset %s', name, floor:match('^%d+ (%d+)$') or 'some', name,
    name)
end
if version ~= '2' then return declined('another version of headcount wrote this counter') end
taken = count(taken)
if not taken then
  local shown = (held[1] or ''):sub(1, 40):gsub('[^ !#-~]', '?')
  return declined('the field taken holds "%s": write a number there first', shown)
end
if held_token == token then return {taken, count(limit) or 0} end
if (epoch or '') ~= ARGV[2] then
  return declined('the counter was %s by somebody else meanwhile', made or 'changed')
end
if (held_token or '') ~= ARGV[3] then
  return declined('the counter was changed by somebody else meanwhile')
end
local target = math.max(asked, taken)
local written = redis.pcall('HSET', key, 'limit', string.format('%d', target), 'token', token)
if type(written) == 'table' then return written end
return {taken, target}
