-- What the counter named $1 holds, for a change of it.
select taken, max, epoch, floor_taken, made, coalesce(token, '') from headcount where name = $1
