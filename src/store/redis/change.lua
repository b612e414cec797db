-- Resets or sets the counter in the hash KEYS[1]: begins an epoch later than any before, which
-- running processes follow. ARGV[1]: the change's own token. ARGV[2]: the epoch that it has read,
-- empty if there was none: it runs on that one alone. ARGV[3]: the limit, empty to keep it, or
-- ARGV[5] where there is none. ARGV[4]: how many are to be taken; empty for a reset, which takes
-- none and begins a sale.
--
-- Returns {taken, limit} of a change that is done, now or when it was sent before, and else the
-- error DECLINED.
local key, token, is_reset = KEYS[1], ARGV[1], ARGV[4] == ''
local held = redis.pcall('HMGET', key, 'taken', 'limit', 'epoch', 'made', 'floor', 'sale', 'token',
  'generation', 'version')
if held.err then return held end

local function count(text)
  local number = text and text:match('^%d+$') and tonumber(text)
  return number and number <= 9007199254740991 and number
end
local function declined(...)
  return redis.error_reply('DECLINED ' .. string.format(...))
end

local function unreadable(field, text)
  local shown = text:sub(1, 40):gsub('[^ !#-~]', '?')
  return declined('the field %s holds "%s": write a number there first', field, shown)
end

local taken, limit = count(held[1]), count(held[2])
-- Before all else: whatever befell the counter since, this change was done.
if held[7] == token then return {taken or 0, limit or 0} end
if held[9] and held[9] ~= '2' then
  return declined('another version of headcount wrote this counter')
end
if (held[3] or '') ~= ARGV[2] then
  return declined('the counter was %s by somebody else meanwhile', held[4] or 'deleted')
end
local floor_epoch, floor_taken = (held[5] or ''):match('^(%d+) (%d+)$')
floor_epoch, floor_taken = count(floor_epoch), count(floor_taken)
-- What cannot be read must not be taken for nothing: it may be more than is asked for.
if not is_reset and held[1] and not taken then return unreadable('taken', held[1]) end
if not is_reset and held[5] and not floor_taken then return unreadable('floor', held[5]) end
if ARGV[3] == '' and held[2] and not limit then return unreadable('limit', held[2]) end
limit = count(ARGV[3]) or limit or count(ARGV[5])
local target = count(ARGV[4]) or 0
local least = math.max(taken or 0, floor_taken or 0)
if not is_reset and target < least then
  return declined('--taken %d: %d are taken already, and would be handed out again', target, least)
elseif target > limit then
  return declined('--taken %d: the limit is %d; raise it with --limit', target, limit)
end

local now = redis.call('TIME')
local epoch = string.format('%d', math.max(now[1] * 1000000 + now[2], (floor_epoch or 0) + 1,
  (count(held[3]) or 0) + 1, (count(held[8]) or 0) + 1))
local sale = not is_reset and held[6] or epoch
local function write()
  return redis.pcall('HSET', key, 'version', 2, 'taken', string.format('%d', target),
    'limit', string.format('%d', limit), 'epoch', epoch, 'made', is_reset and 'reset' or 'set',
    'sale', sale, 'token', token, 'generation', '-')
end
-- First, so that a write that is refused leaves all as it was.
local written = write()
if type(written) == 'table' then return written end
redis.pcall('HDEL', key, 'floor')
-- The answers to links go with their epoch. Without the right to it they stay, and serve nobody.
if is_reset and type(redis.pcall('UNLINK', key)) == 'number' then write() end
return {target, limit}
