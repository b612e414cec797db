-- What a link does first with the counter in the hash KEYS[1]: with ARGV[1] = '1' it creates a
-- missing one with the limit ARGV[2], and migrates one of headcount 0.1. Returns 'created',
-- 'migrated' or 'found'. Whether the one that is found will do, the take says.
--
-- Returns 'lost' where the field ARGV[4] no longer has the answer to the link's request number
-- ARGV[5], the last one that it knows to be granted, or to a later one, in epoch ARGV[6]: then the
-- store has lost what it granted, or dropped the answer.
--
-- Once in ARGV[3] seconds, whoever comes drops the answers to links that took nothing for a day; or
-- for ARGV[3] seconds, if there are many: no request is sent again after that, but a link whose
-- answer is gone must give up the numbers that it has left.
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
  if version then return 'found' end
  if not (taken or limit or generation) then
    -- A floor without a counter: it was lost, and one who had seen it was here.
    if floor then return 'found' end
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
  local kept, is_many = {}, #links > 2048 * 17
  local silence_max = is_many and tonumber(ARGV[3]) or 86400
  for link in links:gmatch('%x+') do
    local places = {'a:' .. link .. ':0', 'a:' .. link .. ':1'}
    local last = 0
    for _, answer in ipairs(redis.call('HMGET', key, unpack(places))) do
      last = math.max(last, answer and tonumber(answer:match('%d+$')) or 0)
    end
    if now[1] - last < silence_max then
      kept[#kept + 1] = link .. ' '
    else
      redis.pcall('HDEL', key, unpack(places))
    end
  end
  -- Where memory is full this fails, and the next handshake drops what is listed in vain.
  redis.pcall('HSET', key, 'links', table.concat(kept), 'swept', now[1])
end

local function is_sweep_due()
  local swept = redis.pcall('HGET', key, 'swept')
  local age = now[1] - (type(swept) == 'string' and tonumber(swept) or 0)
  -- Before 0: the clock of another server, after a failover.
  return age < 0 or age >= tonumber(ARGV[3])
end

local function has_last_answer()
  local answer = redis.pcall('HGET', key, ARGV[4])
  local sequence, epoch
  if type(answer) == 'string' then sequence, epoch = answer:match('^(%d+) %d+ %d+ (%d+) ') end
  return sequence and tonumber(sequence) >= tonumber(ARGV[5]) and epoch == ARGV[6]
end

local outcome = may_create and create() or 'found'
if type(outcome) == 'table' then return outcome end
if ARGV[5] ~= '0' and not has_last_answer() then outcome = 'lost' end
local links = redis.pcall('HGET', key, 'links')
if type(links) == 'string' and links ~= '' and is_sweep_due() then drop_silent(links) end
return outcome
