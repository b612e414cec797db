create table if not exists headcount (
  name text primary key,
  taken bigint not null check (taken >= 0),
  max bigint not null,
  check (taken <= max)
)
