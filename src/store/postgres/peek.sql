-- Says what the bounded counter named $1 holds, in a row like those of take.sql; none if it is
-- missing. $2 and $3: the epoch, and how many taken in it, that the asker has seen: where the
-- counter holds less, or was made anew by somebody's start, that becomes its floor, as in take.sql.
with raised_floor as (
  update headcount set floor_epoch = $2, floor_taken = $3
  where name = $1 and (floor_epoch, floor_taken) < ($2, $3)
    and ((epoch, taken) < ($2, $3) or epoch > $2 and made = 'created' and $2 > 0)
)
select taken + 1 as first, 0::bigint as granted, max, epoch, 1::bigint as known,
  version::bigint, (made = 'created')::integer::bigint as is_created, floor_epoch, floor_taken
from headcount
where name = $1
