-- Takes up to $2 numbers, at least one, from the bounded counter named $1, as counter.rs does: one
-- row, or none if the counter is missing. It never creates the counter. With granted = 0 the row
-- says what the counter holds, and whoever asked judges that. Past 2^53 - 1, where readers of JSON
-- would see numbers twice, nothing is granted.
-- Where nothing can be granted it locks nothing and writes nothing: a halted counter costs no WAL
-- and no flush.
--
-- $5 and $6: the epoch, and how many taken in it, that the caller has seen. A take runs in that
-- epoch alone. Where the counter holds less than was seen, or was made anew by somebody's start,
-- this statement writes that as the counter's floor, and nobody takes below it.
--
-- The answer is kept for the link $3 under the request's sequence number $4, in the transaction
-- that takes: see answer.sql. A link without its row is not known, and is given nothing; nor is a
-- request that comes late, after a later one or itself was granted something.
with held as (
  select taken, max, epoch, made, floor_epoch, floor_taken, version from headcount
  where name = $1
),
link_row as (
  select sequence from headcount_answer
  where link = $3 and counter = $1 and exists (select from held where taken < max)
  for no key update
),
row_to_write as (
  -- The conditions are looked at again once the row is locked: it is the row as it is.
  select taken, max, epoch = $5 and taken >= $6 as is_seen from headcount
  where name = $1 and (
    epoch = $5 and taken >= $6 and taken < max and max <= 9007199254740991 and version = 2
    and $4 > (select sequence from link_row)
    and (epoch, taken) >= (floor_epoch, floor_taken)
    and (epoch = floor_epoch or floor_epoch = 0 or made <> 'created')
    or (floor_epoch, floor_taken) < ($5, $6)
    and ((epoch, taken) < ($5, $6) or epoch > $5 and made = 'created'))
  for no key update
),
written as (
  update headcount
  -- The guard: never past the limit.
  set taken = row_to_write.taken
      + case when is_seen then least($2, row_to_write.max - row_to_write.taken) else 0 end,
    floor_epoch = case when is_seen then floor_epoch else $5 end,
    floor_taken = case when is_seen then floor_taken else $6 end
  from row_to_write
  where name = $1
  returning row_to_write.taken as before, headcount.taken as after, headcount.max,
    headcount.epoch, is_seen
),
granted as (
  select before + 1 as first, after - before as granted, max, epoch from written where is_seen
),
stored_answer as (
  update headcount_answer
  set sequence = $4, first = granted.first, granted = granted.granted, epoch = granted.epoch,
    at = now()
  from granted
  where link = $3 and counter = $1
)
select *, 1::bigint as known, 2::bigint as version, 0::bigint as made,
  0::bigint as floor_epoch, 0::bigint as floor_taken
from granted
union all
select taken + 1, 0, max, epoch,
  (select count(*) from headcount_answer where link = $3 and counter = $1), version,
  array_position(array['created', 'reset', 'set'], made), floor_epoch, floor_taken
from held
where not exists (select from granted)
