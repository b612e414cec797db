-- Locks the rows that take_keys.sql is to write, and gives none: the statement that reads keys must
-- begin when nobody else can write one. Under READ COMMITTED a statement reads what was committed
-- when it began, however long it then waits for a row.
--
-- $1: the counter. $2: the link. $3: the request's sequence number. $4: the epoch it runs in. Where
-- nothing can be granted nothing is locked: a halted counter costs no WAL and no flush.
with link_row as (
  select sequence from headcount_answer
  where link = $2 and counter = $1
    and exists (select from headcount where name = $1 and epoch = $4 and taken < max)
  for no key update
),
counter_row as (
  select taken from headcount
  where name = $1 and epoch = $4 and taken < max and $3 > (select sequence from link_row)
  for no key update
)
select from (
  -- A plan that is made while the table of keys is empty would read all of it for each key, and
  -- stay when a million are there.
  select set_config('enable_seqscan', 'off', true) as setting,
    (select count(*) from counter_row) as locked
  offset 0
) as setting_and_locks
where setting is null or locked is null
