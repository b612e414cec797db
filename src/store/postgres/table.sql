create table if not exists headcount (
  name text primary key,
  taken bigint not null check (taken >= 0),
  max bigint not null,
  epoch bigint not null default extract(epoch from now()) * 1000000,
  made text not null default 'created' check (made in ('created', 'reset', 'set')),
  sale bigint not null default extract(epoch from now()) * 1000000,
  floor_epoch bigint not null default 0,
  floor_taken bigint not null default 0,
  token text,
  version integer not null default 2,
  check (taken <= max)
);
create table if not exists headcount_answer (
  link bigint,
  counter text,
  sequence bigint not null default 0,
  first bigint,
  granted bigint,
  keyed bigint not null default 0,
  epoch bigint,
  at timestamptz not null default now(),
  primary key (link, counter)
);
alter table headcount_answer add if not exists keyed bigint not null default 0;
create table if not exists headcount_key (
  counter text collate "C",
  sale bigint,
  key text collate "C",
  number bigint not null,
  epoch bigint not null,
  primary key (counter, sale, key)
)
