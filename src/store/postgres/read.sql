-- What the counter named $1 holds, for a change of it.
select taken, max, epoch, floor_epoch, floor_taken, version::bigint, made, coalesce(token, '')
from headcount
where name = $1
