-- Creates the counter named $1 with the limit $3 and nothing taken, if there is none. $2: the
-- change's own token. The epoch and the sale are by the server's clock: the table says so.
-- Gives (taken, max) if it is created; if not, the statement that follows reads what is there: one
-- that was lost has a row too (see lost.sql), and stays as it is.
insert into headcount (name, taken, max, token)
values ($1, 0, $3, $2)
on conflict do nothing
returning taken, max
