-- Takes up to $2 numbers from the bounded counter named $1, as counter.rs does: one row
-- (first, granted, limit), or none if the counter is missing, or past 2^53 - 1, where readers of
-- JSON would see numbers twice. It never creates the counter.
-- Where nothing can be granted, because 0 are wanted or none are left, it locks nothing and
-- writes nothing: a halted counter costs no WAL and no flush.
with held as (
  -- Under READ COMMITTED a row that somebody else was writing is read again once it is locked,
  -- and the condition is looked at again: this is the row as it is, not as it was at the start.
  select taken, max from headcount
  where name = $1 and $2 > 0 and taken < max and max <= 9007199254740991
  for no key update
),
written as (
  update headcount
  -- The guard: never past the limit.
  set taken = held.taken + least($2, held.max - held.taken)
  from held
  where name = $1
  returning held.taken as before, headcount.taken as after, headcount.max as last
)
select before + 1 as first, after - before as granted, last from written
union all
select taken + 1, 0, max from headcount
where name = $1 and max <= 9007199254740991 and not exists (select from written)
