-- Takes up to ARGV[1] numbers from the bounded counter in the hash KEYS[1], as counter.rs does:
-- returns {first, granted, limit, epoch}, and in an epoch that the caller
-- has not seen, how that began. With 0 wanted it only reads (a peek).
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
-- pcall and not call: an error of Redis then keeps its code in front in every version.
local key, wanted, sequence = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local seen_epoch, seen_taken = tonumber(ARGV[5]), tonumber(ARGV[6])
local confirm = tonumber(ARGV[7])
local held = (wanted > 0 or confirm > 0)
  and redis.pcall('HMGET', key, 'version', 'taken', 'limit', 'epoch', 'floor', ARGV[3], ARGV[4])
  or redis.pcall('HMGET', key, 'version', 'taken', 'limit', 'epoch', 'floor')
if held.err then return held end

-- Digits alone, and no more of them than a double counts without a gap: 2^53 - 1 is the bound.
local function count(text)
  local number = text and text:match('^%d+$') and tonumber(text)
  return number and number <= 9007199254740991 and number
end
local taken, limit, epoch = count(held[2]), count(held[3]), count(held[4])
-- The fast path: nothing has changed but the count since the caller's last reply (`made` is not even
-- read). What the checks below need is made only otherwise.
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

-- The guard: never past the limit.
local granted = math.max(0, math.min(wanted, limit - taken))
if epoch ~= seen_epoch then granted = 0 end
if wanted > 0 and epoch == seen_epoch then
  local last = held[6] and tonumber(held[6]:match('^%d+')) or 0
  local last_other = held[7] and tonumber(held[7]:match('^%d+')) or 0
  if last == sequence then
    local first, again = held[6]:match('^%d+ (%d+) (%d+)')
    first, again = tonumber(first), tonumber(again)
    -- The limit may have been lowered since.
    return {first, math.max(0, math.min(again, limit - first + 1)), limit, epoch}
  end
  -- A later request of this link was granted something. Requests of a connection run in order, so
  -- this one ran and was granted nothing; or it comes late, and nobody reads this answer.
  if last > sequence or last_other > sequence then granted = 0 end
end
if granted > 0 then
  local answer = string.format('%d %d %d %d %s', sequence, taken + 1, granted, epoch,
    redis.call('TIME')[1])
  local total, written = string.format('%d', taken + granted), nil
  if held[6] or held[7] then
    written = redis.pcall('HSET', key, 'taken', total, ARGV[3], answer)
  else
    local links = redis.call('HGET', key, 'links') or ''
    if #links >= 4096 * 17 then
      return redis.error_reply('LINKS 4096 links took from this counter within a minute')
    end
    links = links .. ARGV[3]:sub(3, 18) .. ' '
    written = redis.pcall('HSET', key, 'taken', total, ARGV[3], answer, 'links', links)
  end
  if type(written) == 'table' and written.err then return written end
end
if epoch ~= seen_epoch then return {taken + 1, 0, limit, epoch, made} end
return {taken + 1, granted, limit, epoch}
