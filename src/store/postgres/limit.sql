-- Changes the limit of the counter named $1 to $5; below what is taken it becomes what is taken, so
-- that taken <= max holds. It begins no epoch and leaves the floor as it is. $2: the change's own
-- token. $3 and $4: the epoch, and the token of the last change, that were read before: it runs on
-- those alone, so that one that arrives late undoes no later change.
-- Gives (taken, max) if it is done; if not, the statement that follows reads why, or that it was
-- done when it was sent before.
update headcount
set max = greatest($5, taken), token = $2
where name = $1 and epoch = $3 and epoch > 0 and coalesce(token, '') = $4 and version = 2
returning taken, max
