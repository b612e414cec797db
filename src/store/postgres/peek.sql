-- Says what the bounded counter named $1 holds, in a row like those of take.sql; none if it is
-- missing. $2 and $3: the epoch, and how many taken in it, that the caller has seen: where the
-- counter holds less, or was made anew by somebody's start, that becomes its floor, as in take.sql.
with behind as (
  -- The conditions are looked at again once the row is locked: it is the row as it is.
  select 1 from headcount
  where name = $1 and (floor_epoch, floor_taken) < ($2, $3)
    and ((epoch, taken) < ($2, $3) or epoch > $2 and made = 'created' and $2 > 0)
  for no key update
),
raised_floor as (
  update headcount set floor_epoch = $2, floor_taken = $3
  from behind
  where name = $1
)
select taken + 1 as first, 0::bigint as granted, max, epoch, 1::bigint as known,
  version::bigint, array_position(array['created', 'reset', 'set'], made)::bigint as made,
  floor_epoch, floor_taken
from headcount
where name = $1
