-- Takes up to $2 numbers from the bounded counter named $1, as counter.rs does: one row
-- (first, granted, limit, generation, known), or none if the counter is missing, or past 2^53 - 1,
-- where readers of JSON would see numbers twice. It never creates the counter.
-- Where nothing can be granted, because 0 are wanted or none are left, it locks nothing and
-- writes nothing: a halted counter costs no WAL and no flush.
--
-- An ask whose answer was lost comes again, and must not take again: the last answer to the link
-- $3 is remembered with its sequence number $4, in the transaction that takes. A link without its
-- row is not known, and is given nothing.
-- $5 and $6: the generation, and how many taken in it, that the asker has seen. A count that is
-- lower went backwards, and nothing is taken from it.
with locked as (
  -- What a lost connection of this link still has under way is waited for here, and then seen:
  -- under READ COMMITTED a row that somebody else was writing is read again once it is locked.
  select sequence, first, granted, max, generation from headcount_answer
  where link = $3 and $2 > 0 and exists (select from headcount where name = $1 and taken < max)
  for no key update
),
told as (
  select first, granted, max, generation from locked where sequence = $4
  union all
  select first, granted, max, generation from headcount_answer
  where link = $3 and sequence = $4 and $2 > 0 and not exists (select from locked)
),
held as (
  -- The condition is looked at again once the row is locked: it is the row as it is.
  select taken, max, generation from headcount
  where name = $1 and taken < max and max <= 9007199254740991
    and (generation, taken) >= ($5, $6) and $4 > (select sequence from locked)
  for no key update
),
written as (
  update headcount
  -- The guard: never past the limit.
  set taken = held.taken + least($2, held.max - held.taken)
  from held
  where name = $1
  returning held.taken as before, headcount.taken as after, headcount.max, headcount.generation
),
granted as (
  select before + 1 as first, after - before as granted, max, generation from written
),
remembered as (
  update headcount_answer
  set sequence = $4, first = granted.first, granted = granted.granted, max = granted.max,
    generation = granted.generation, at = now()
  from granted
  where link = $3
)
select *, 1::bigint from granted
union all
select *, 1::bigint from told
union all
select taken + 1, 0, max, generation,
  (select count(*) from headcount_answer where link = $3)
from headcount
where name = $1 and max <= 9007199254740991
  and not exists (select from granted) and not exists (select from told)
