create table if not exists headcount (
  name text primary key,
  taken bigint not null check (taken >= 0),
  max bigint not null,
  generation bigint not null default extract(epoch from clock_timestamp()) * 1000000,
  check (taken <= max)
);
create table if not exists headcount_answer (
  link bigint primary key,
  sequence bigint not null default 0,
  first bigint,
  granted bigint,
  max bigint,
  generation bigint,
  at timestamptz not null default now()
)
