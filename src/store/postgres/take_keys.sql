-- As take.sql, for a request with keys: each of the keys $7 gets its number, in their order, and
-- then up to $2 numbers are taken. A key keeps its number as long as the counter's sale. It stands
-- behind lock.sql in a transaction; if both let two give the same key a number, the table's primary
-- key undoes the second.
-- The row says beside what a take's says what each key has got: its number if it is new, the number
-- with a minus if the key had it, or 0; and the epoch that it was granted in, which may be another
-- one of the sale. In another epoch than $5 it says nothing of keys.
with held as (
  select taken, max, epoch, sale, made, floor_epoch, floor_taken, version from headcount
  where name = $1
),
link_row as (
  select sequence from headcount_answer
  where link = $3 and counter = $1 and exists (select from held where taken < max)
  for no key update
),
asked as (
  -- Each key is looked up by itself: no plan for that reads more than its row. One that comes again
  -- belongs to its first place. Sorting bytes is far cheaper than sorting by a language.
  select place, asked.key, kept.number, kept.epoch,
    first_value(place) over (partition by asked.key collate "C" order by place) as first_place
  from unnest($7) with ordinality as asked (key, place)
  cross join held
  left join lateral (
    select number, epoch from headcount_key
    where counter = $1 and sale = held.sale and key = asked.key
    limit 1
  ) as kept on true
  where held.epoch = $5
),
keyed as (
  -- The nth of the keys without a number; one that comes again is the same nth, for it follows its
  -- first place.
  select key, place, place = first_place as is_first, number, epoch,
    count(*) filter (where number is null and place = first_place)
      over (order by first_place, place rows unbounded preceding) as nth
  from asked
),
wanted as (
  select count(*) filter (where number is null and is_first) as new from keyed
),
row_to_write as (
  -- The conditions are looked at again once the row is locked: it is the row as it is.
  select taken, max, epoch = $5 and taken >= $6 as is_seen from headcount
  where name = $1 and (
    epoch = $5 and taken >= $6 and taken < max and max <= 9007199254740991 and version = 2
    and $2 + (select new from wanted) > 0
    and $4 > (select sequence from link_row)
    and (epoch, taken) >= (floor_epoch, floor_taken)
    and (epoch = floor_epoch or floor_epoch = 0 or made <> 'created')
    or (floor_epoch, floor_taken) < ($5, $6)
    and ((epoch, taken) < ($5, $6) or epoch > $5 and made = 'created'))
  for no key update
),
written as (
  update headcount
  -- The guard: never past the limit.
  set taken = row_to_write.taken + case when is_seen
      then least($2 + (select new from wanted), row_to_write.max - row_to_write.taken) else 0 end,
    floor_epoch = case when is_seen then floor_epoch else $5 end,
    floor_taken = case when is_seen then floor_taken else $6 end
  from row_to_write
  where name = $1
  returning row_to_write.taken as before, headcount.taken as after, headcount.max,
    headcount.epoch, headcount.sale, is_seen
),
granted as (
  select before, least(new, after - before) as keyed, after, max, epoch, sale
  from written, wanted where is_seen
),
stored_keys as (
  insert into headcount_key (counter, sale, key, number, epoch)
  select $1, granted.sale, key, before + nth, granted.epoch
  from granted, keyed
  where number is null and is_first and nth <= granted.keyed
),
stored_answer as (
  update headcount_answer
  set sequence = $4, first = before + granted.keyed + 1, granted = after - before - granted.keyed,
    keyed = granted.keyed, epoch = granted.epoch, at = now()
  from granted
  where link = $3 and counter = $1
),
numbers as (
  select array_agg(array[
      case when number is not null then -number
        when nth <= granted.keyed then (before + nth) * case when is_first then 1 else -1 end
        else 0 end,
      coalesce(keyed.epoch, $5)]
    order by place) as numbers
  from keyed left join granted on true
)
select before + keyed + 1 as first, after - before - keyed as granted, max, epoch,
  1::bigint as known, 2::bigint as version, 0::bigint as made, 0::bigint as floor_epoch,
  0::bigint as floor_taken, (select numbers from numbers)
from granted
union all
select taken + 1, 0, max, epoch,
  (select count(*) from headcount_answer where link = $3 and counter = $1), version,
  array_position(array['created', 'reset', 'set'], made), floor_epoch, floor_taken,
  (select coalesce(numbers, '{}') from numbers)
from held
where not exists (select from granted)
