-- Takes up to ARGV[1] numbers from the bounded counter in the hash KEYS[1], as counter.rs does:
-- returns {first, granted, limit, epoch}, and in an epoch that the caller has not seen, how that
-- began. With 0 wanted and no keys it only reads (a peek).
--
-- ARGV[5], ARGV[6]: the epoch, and how many taken in it, that the caller has seen. A take runs in
-- that epoch alone: in a later one it is granted nothing, learns the epoch, and takes anew.
-- Where the counter holds less than was seen, or was made anew by somebody's start, this call
-- writes that as the counter's floor, and nobody takes below it.
--
-- A request whose answer was lost comes again, and must not take again. So the answer is kept in
-- the field ARGV[3], one of the two places of the asking link, under the request's sequence number
-- ARGV[2]; ARGV[4] is the other place. Links with answers are listed in the field `links`, for the
-- handshake to drop those that are silent.
-- ARGV[7], if not 0: the link has unclaimed numbers, and its last granted request had this number.
-- Where the answer to it is gone, a failover has lost it, though the connection has outlived that:
-- the numbers may be others' by now, and the error UNCONFIRMED is all that is answered.
--
-- ARGV[8] and those behind it, 256 at most: keys, which are served first, each with the number that
-- it has, whatever the limit, or with the next one. Behind the epoch the answer then has one number
-- for each: n is new, -n was the key's before, 'n e' was so in the epoch e, 0 is none. A key's number
-- is in the field `k:KEY`, with its epoch behind it if that is not the first one of the sale. It
-- ends with the sale; `key_sale` says which sale these fields are of. The answer that is kept then
-- says how many numbers went to keys: they lie right before its first one.
--
-- pcall and not call: an error of Redis then keeps its code in front in every version.
local key, wanted, sequence = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local seen_epoch, seen_taken = tonumber(ARGV[5]), tonumber(ARGV[6])
local confirm, has_keys = tonumber(ARGV[7]), ARGV[8]
local held
if has_keys then
  held = redis.pcall('HMGET', key, 'version', 'taken', 'limit', 'epoch', 'floor', ARGV[3], ARGV[4],
    'sale', 'key_sale')
elseif wanted > 0 or confirm > 0 then
  held = redis.pcall('HMGET', key, 'version', 'taken', 'limit', 'epoch', 'floor', ARGV[3], ARGV[4])
else
  held = redis.pcall('HMGET', key, 'version', 'taken', 'limit', 'epoch', 'floor')
end
if held.err then return held end

-- Digits alone, and no more of them than a double counts without a gap: 2^53 - 1 is the bound.
local function count(text)
  local number = text and text:match('^%d+$') and tonumber(text)
  return number and number <= 9007199254740991 and number
end
local taken, limit, epoch = count(held[2]), count(held[3]), count(held[4])
-- The fast path: nothing has changed but the count since the caller's last reply (`made` is not
-- even read). What the checks below need is made only otherwise.
local is_well = held[1] == '2' and taken and limit and epoch == seen_epoch and taken >= seen_taken
  and not held[5]
local made
if not is_well then
  made = redis.call('HGET', key, 'made')
  local floor_epoch, floor_taken = 0, 0
  if held[5] then
    local epoch_text, taken_text = held[5]:match('^(%d+) (%d+)$')
    floor_epoch, floor_taken = count(epoch_text), count(taken_text)
  end

  local function raise_floor()
    if not (floor_epoch and floor_taken) or seen_epoch > floor_epoch
      or (seen_epoch == floor_epoch and seen_taken > floor_taken) then
      -- Where it cannot be written, this caller refuses all the same.
      redis.pcall('HSET', key, 'floor', string.format('%d %d', seen_epoch, seen_taken))
      floor_epoch, floor_taken = seen_epoch, seen_taken
    end
  end

  local function wrong(code, field, text, expected)
    local shown = text and 'holds "' .. text:sub(1, 40):gsub('[^ !#-~]', '?') .. '"'
    return redis.error_reply(string.format('%s the field %s %s: expected %s', code, field,
      shown or 'is missing', expected))
  end
  if held[1] ~= '2' then
    -- Not where only the version is another: a floor of this epoch would stand in the place of one
    -- that a caller who has seen an earlier one is to write.
    local is_held = epoch and taken
      and (epoch > seen_epoch or epoch == seen_epoch and taken >= seen_taken)
    if seen_epoch > 0 and not is_held then raise_floor() end
    if held[1] or held[2] or held[3] or held[4] then
      return wrong('LAYOUT', 'version', held[1], '2')
    end
    local seen = floor_taken and floor_taken > 0
      and string.format('; %d taken (epoch %d) were seen', floor_taken, floor_epoch) or ''
    return redis.error_reply('MISSING the counter is gone' .. seen)
  end
  local integer = 'an integer from 0 to 9007199254740991'
  if not taken then return wrong('DAMAGED', 'taken', held[2], integer) end
  if not limit then return wrong('DAMAGED', 'limit', held[3], integer) end
  if not epoch then return wrong('DAMAGED', 'epoch', held[4], integer) end
  if made ~= 'created' and made ~= 'reset' and made ~= 'set' then
    return wrong('DAMAGED', 'made', made, 'created, reset or set')
  end
  if not (floor_epoch and floor_taken) then
    return wrong('DAMAGED', 'floor', held[5], 'two integers')
  end

  -- Why nothing may be taken after so many were taken in such an epoch, if so.
  local function refusal(after_epoch, after_taken)
    if epoch < after_epoch or (epoch == after_epoch and taken < after_taken) then
      return 'BACKWARDS'
    elseif epoch > after_epoch and after_epoch > 0 and made == 'created' then
      return 'RECREATED'
    end
  end
  local code = refusal(seen_epoch, seen_taken)
  if code then raise_floor() end
  code = code or refusal(floor_epoch, floor_taken)
  if code then
    return redis.error_reply(string.format(
      '%s the store holds %d taken (epoch %d, %s), but %d taken (epoch %d) were seen before', code,
      taken, epoch, made, floor_taken, floor_epoch))
  end
end

if confirm > 0 and epoch == seen_epoch then
  local function is_confirmed(answer)
    local number, of_epoch = (answer or ''):match('^(%d+) %d+ %d+ (%d+) ')
    return number and tonumber(number) >= confirm and tonumber(of_epoch) == epoch
  end
  if not (is_confirmed(held[6]) or is_confirmed(held[7])) then
    return redis.error_reply('UNCONFIRMED the last answer to this link is gone')
  end
end

if epoch ~= seen_epoch then return {taken + 1, 0, limit, epoch, made} end

-- The guard: never past the limit.
local left = math.max(0, limit - taken)
-- What the first run of this request was granted, where that is known: the first number without a
-- key, how many of those, and how many to keys, right before them.
local first, again, again_keyed
if wanted > 0 or has_keys then
  local last = held[6] and tonumber(held[6]:match('^%d+')) or 0
  local last_other = held[7] and tonumber(held[7]:match('^%d+')) or 0
  if last == sequence then
    first, again, again_keyed = held[6]:match('^%d+ (%d+) (%d+) %d+ ?(%d*) %d+$')
    first, again, again_keyed = tonumber(first), tonumber(again), tonumber(again_keyed) or 0
    left = 0
  elseif last > sequence or last_other > sequence then
    -- A later request of this link was granted something. Requests of a connection run in order, so
    -- this one ran and was granted nothing; or it comes late, and nobody reads this answer.
    left = 0
  end
end

-- Of keys: their numbers, and what is to be written of them; how many were granted to them.
local answer, words, keyed = {0, 0, limit, epoch}, nil, 0
if has_keys then
  local sale = held[8] and held[8]:match('^%d+$') or '0'
  -- Where a reset could not drop the keys of the last sale, those of this one have other fields.
  local prefix = (held[9] or sale) == sale and 'k:' or 'k' .. sale .. ':'
  local fields, served = {}, {}
  for place = 8, #ARGV do fields[place - 7] = prefix .. ARGV[place] end
  local numbers = redis.call('HMGET', key, unpack(fields))
  words = held[9] and {} or {'key_sale', sale}
  local last, first_epoch = #words, tonumber(sale)
  -- How a number of this epoch is kept: a set may have begun the epoch, within the sale.
  local form = epoch == first_epoch and '%d' or '%d %d'
  for place, field in ipairs(fields) do
    local shown = served[field]
    if not shown then
      local text = numbers[place]
      local number, of_epoch = count(text), first_epoch
      if text and not number then
        local digits, epoch_digits = text:match('^(%d+) (%d+)$')
        number, of_epoch = count(digits), count(epoch_digits)
      end
      if number and number > 0 and of_epoch then
        local is_of_now = of_epoch == epoch
        shown = is_of_now and -number or string.format('%d %d', number, of_epoch)
        served[field] = shown
        if is_of_now and again and number < first and number >= first - again_keyed then
          -- The first run granted it, and nobody has been told.
          shown = number
        end
      elseif left > 0 then
        taken, left, keyed = taken + 1, left - 1, keyed + 1
        shown, served[field] = taken, -taken
        -- Counted here, for the length of a table takes Lua some time.
        last = last + 2
        words[last - 1], words[last] = field, string.format(form, taken, epoch)
      end
    end
    answer[place + 4] = shown or 0
  end
end

if again then
  -- The limit may have been lowered since.
  answer[1], answer[2] = first, math.max(0, math.min(again, limit - first + 1))
  return answer
end
local granted = math.min(wanted, left)
answer[1], answer[2] = taken + 1, granted
if granted + keyed == 0 then return answer end

local links
if not (held[6] or held[7]) then
  links = redis.call('HGET', key, 'links') or ''
  if #links >= 4096 * 17 then
    return redis.error_reply('LINKS 4096 links took from this counter within a minute')
  end
  links = links .. ARGV[3]:sub(3, 18) .. ' '
end
local total, now = string.format('%d', taken + granted), redis.call('TIME')[1]
local text, written
if keyed > 0 then
  -- The time stays last: it is where a headcount that knows no keys looks for it.
  text = string.format('%d %d %d %d %d %s', sequence, taken + 1, granted, epoch, keyed, now)
  -- In one command, so that the count cannot stand without the keys, nor they without it.
  for _, word in ipairs({'taken', total, ARGV[3], text, links and 'links', links}) do
    words[#words + 1] = word
  end
  written = redis.pcall('HSET', key, unpack(words))
else
  text = string.format('%d %d %d %d %s', sequence, taken + 1, granted, epoch, now)
  if links then
    written = redis.pcall('HSET', key, 'taken', total, ARGV[3], text, 'links', links)
  else
    written = redis.pcall('HSET', key, 'taken', total, ARGV[3], text)
  end
end
if type(written) == 'table' and written.err then return written end
return answer
