-- What the table holds of the counter named $2; where that is null, of the next $3 whose names come
-- after $1, in the order of their bytes. What has another name than a counter may have is left out.
select name, taken, max, epoch, floor_epoch, floor_taken, version::bigint, made
from headcount
where case when $2::text is null
  then name collate "C" > $1 and name ~ '^[A-Za-z0-9._-]{1,64}$'
  else name = $2 end
order by name collate "C"
limit $3
