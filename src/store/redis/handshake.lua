-- What a link does first with the counter in the hash KEYS[1]: with ARGV[1] = '1' it creates a
-- missing one with the limit ARGV[2], and migrates one of headcount 0.1. Returns 'created',
-- 'migrated' or 'found'. Whether the one that is found will do, the take says.
--
-- Then it drops the answers to links that took nothing for ARGV[3] seconds: no request is sent
-- again after so long.
local key, may_create = KEYS[1], ARGV[1] == '1'
local now = redis.call('TIME')

local function write(taken, limit, epoch)
  -- headcount 0.1 reads '-' as no counter, and so stops taking by its own rules.
  return redis.pcall('HSET', key, 'version', 2, 'taken', taken, 'limit', limit, 'epoch', epoch,
    'made', 'created', 'sale', epoch, 'generation', '-')
end

local function create()
  local held = redis.pcall('HMGET', key, 'version', 'floor', 'taken', 'limit', 'generation')
  if held.err then return held end
  local version, floor, taken, limit, generation = unpack(held)
  -- A floor without a counter: it was lost, and one who had seen it was here.
  if version or floor then return 'found' end
  if not (taken or limit or generation) then
    local written = write(0, ARGV[2], string.format('%d', now[1] * 1000000 + now[2]))
    return type(written) == 'table' and written or 'created'
  end
  for _, text in ipairs({taken or '', limit or '', generation or ''}) do
    if not text:match('^%d+$') then return 'found' end
  end
  local written = write(taken, limit, generation)
  return type(written) == 'table' and written or 'migrated'
end

local function drop_silent(links)
  local kept = {}
  for link in links:gmatch('%x+') do
    local places = {'a:' .. link .. ':0', 'a:' .. link .. ':1'}
    local last = 0
    for _, answer in ipairs(redis.call('HMGET', key, unpack(places))) do
      last = math.max(last, answer and tonumber(answer:match('%d+$')) or 0)
    end
    if now[1] - last < tonumber(ARGV[3]) then
      kept[#kept + 1] = link .. ' '
    else
      redis.pcall('HDEL', key, unpack(places))
    end
  end
  local left = table.concat(kept)
  -- Every write wakes those who track the counter. Where memory is full it fails, and the next
  -- handshake drops what is listed in vain.
  if left ~= links then redis.pcall('HSET', key, 'links', left) end
end

local outcome = may_create and create() or 'found'
if type(outcome) == 'table' then return outcome end
local links = redis.pcall('HGET', key, 'links')
if type(links) == 'string' and links ~= '' then drop_silent(links) end
return outcome
