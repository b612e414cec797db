-- The answer that the link $2 was given to its request with the sequence number $3, for a request
-- that comes again because its answer was lost: a row like those of take.sql, or none if it was
-- granted nothing so far, or in an epoch that is not $4 or has ended. Its last column: so many
-- numbers in front of the first went to keys of the request.
with link_row as (
  -- What the lost connection still has under way is waited for here, and then seen: under READ
  -- COMMITTED a row that somebody else was writing is read again once it is locked.
  select sequence, first, granted, keyed, epoch from headcount_answer
  where link = $2 and counter = $1
  for no key update
)
select link_row.first, link_row.granted, headcount.max, headcount.epoch, 1::bigint as known,
  2::bigint as version, 0::bigint as made, 0::bigint as floor_epoch, 0::bigint as floor_taken,
  keyed
from link_row, headcount
where sequence = $3 and link_row.epoch = $4 and name = $1 and headcount.epoch = $4
