-- Takes up to $2 numbers from the bounded counter named $1, as counter.rs does: one row, or none
-- if the counter is missing. It never creates the counter. With granted = 0 the row says what the
-- counter holds, and whoever asked judges that. Past 2^53 - 1, where readers of JSON would see
-- numbers twice, nothing is granted.
-- Where nothing can be granted, because 0 are wanted (a peek) or none are left, it locks nothing
-- and writes nothing: a halted counter costs no WAL and no flush.
--
-- $5 and $6: the epoch, and how many taken in it, that the asker has seen. A take runs in that
-- epoch alone. Where the counter holds less than was seen, or was made anew by somebody's start,
-- this statement writes that as the counter's floor, and nobody takes below it.
--
-- A request whose answer was lost comes again, and must not take again: the last answer to the
-- link $3 is kept with its sequence number $4, in the transaction that takes. A link without its
-- row is not known, and is given nothing.
with raised_floor as (
  update headcount set floor_epoch = $5, floor_taken = $6
  where name = $1 and (floor_epoch, floor_taken) < ($5, $6)
    and ((epoch, taken) < ($5, $6) or (epoch > $5 and made = 'created' and $5 > 0))
),
locked as (
  -- What a lost connection of this link still has under way is waited for here, and then seen:
  -- under READ COMMITTED a row that somebody else was writing is read again once it is locked.
  select sequence, first, granted, epoch from headcount_answer
  where link = $3 and counter = $1 and $2 > 0
    and exists (select from headcount where name = $1 and taken < max)
  for no key update
),
remembered_answer as (
  -- An answer is of its epoch, as the numbers in it are.
  select answer.first, answer.granted, headcount.max, headcount.epoch
  from (
    select * from locked
    union all
    select sequence, first, granted, epoch from headcount_answer
    where link = $3 and counter = $1 and $2 > 0 and not exists (select from locked)
  ) as answer, headcount
  where answer.sequence = $4 and answer.epoch = $5 and headcount.name = $1 and headcount.epoch = $5
),
row_to_take as (
  -- The condition is looked at again once the row is locked: it is the row as it is.
  select taken, max, epoch from headcount
  where name = $1 and taken < max and max <= 9007199254740991 and version = 2
    and epoch = $5 and taken >= $6 and $4 > (select sequence from locked)
    and (epoch, taken) >= (floor_epoch, floor_taken)
    and (epoch = floor_epoch or floor_epoch = 0 or made <> 'created')
  for no key update
),
written as (
  update headcount
  -- The guard: never past the limit.
  set taken = row_to_take.taken + least($2, row_to_take.max - row_to_take.taken)
  from row_to_take
  where name = $1
  returning row_to_take.taken as before, headcount.taken as after, headcount.max, headcount.epoch
),
granted as (
  select before + 1 as first, after - before as granted, max, epoch from written
),
stored_answer as (
  update headcount_answer
  set sequence = $4, first = granted.first, granted = granted.granted, epoch = granted.epoch,
    at = now()
  from granted
  where link = $3 and counter = $1
)
select *, 1::bigint as known, 2::bigint as version, 0::bigint as is_created,
  0::bigint as floor_epoch, 0::bigint as floor_taken
from granted
union all
select *, 1, 2, 0, 0, 0 from remembered_answer
union all
select taken + 1, 0, max, epoch,
  (select count(*) from headcount_answer where link = $3 and counter = $1), version::bigint,
  (made = 'created')::integer::bigint, floor_epoch, floor_taken
from headcount
where name = $1 and not exists (select from granted)
  and not exists (select from remembered_answer)
