-- Removes up to $4 keys that the counter $1 had in ended sales, behind the key $3 of the sale $2,
-- in the order of the primary key: rows that are removed already are not gone through again. Gives
-- the sale and the key of the last one if there may be more. Two at once do no harm, and wait for
-- nobody.
with ended as (
  select sale, key, ctid from headcount_key
  where counter = $1 and (sale, key) > ($2, $3)
    and sale < (select sale from headcount where name = $1)
  order by sale, key
  limit $4
  for update skip locked
),
removed as (
  -- By its place, which a locked row keeps: any other plan may read the whole table.
  delete from headcount_key where ctid = any (array(select ctid from ended))
)
select sale, key from ended order by sale, key offset $4 - 1
