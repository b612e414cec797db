-- Resets or sets the counter named $1: begins an epoch later than any before, which running
-- processes follow. $2: the change's own token. $3: the epoch that it has read, 0 if there was no
-- row, or the row of a counter that was lost (see lost.sql): it runs on that one alone. $4: the
-- limit, or null to keep it. $5: how many are to be taken, or null for a reset, which takes none
-- and begins a sale. $6: the limit where there is none.
-- Gives (taken, max) if it is done; if not, the statement that follows reads why, or that it was
-- done when it was sent before.
with created as (
  insert into headcount (name, taken, max, epoch, made, sale, token)
  select $1, coalesce($5, 0), coalesce($4, $6), (extract(epoch from now()) * 1000000)::bigint,
    case when $5 is null then 'reset' else 'set' end,
    (extract(epoch from now()) * 1000000)::bigint, $2
  where $3 = 0 and coalesce($5, 0) <= coalesce($4, $6)
  on conflict do nothing
  returning taken, max
),
next as (
  select case when epoch = 0 and max = 0 then coalesce($4, $6) else coalesce($4, max) end as max,
    greatest((extract(epoch from now()) * 1000000)::bigint, epoch + 1, floor_epoch + 1) as epoch
  from headcount
  where name = $1 and epoch = $3
  -- A limit that is being set at this moment is waited for, and kept.
  for no key update
),
changed as (
  update headcount
  set taken = coalesce($5, 0), max = next.max, epoch = next.epoch,
    made = case when $5 is null then 'reset' else 'set' end,
    sale = case when $5 is null or headcount.epoch = 0 then next.epoch else sale end,
    floor_epoch = 0, floor_taken = 0, token = $2
  from next
  where name = $1 and headcount.epoch = $3 and floor_epoch < next.epoch and version = 2
    and coalesce($5, 0) <= next.max and next.max <= 9007199254740991
    and ($5 is null or $5 >= greatest(taken, floor_taken))
  returning headcount.taken, headcount.max
)
select taken, max from created
union all
select taken, max from changed
