-- Writes down what was seen of the counter named $1, whose row is missing: the epoch $2, and $3
-- taken in it. Of epoch 0 and with nothing to take, it is no counter, and keeps every start from
-- creating the counter anew. A reset or a set makes it a counter again.
insert into headcount (name, taken, max, epoch, sale, floor_epoch, floor_taken)
values ($1, 0, 0, 0, 0, $2, $3)
on conflict do nothing
