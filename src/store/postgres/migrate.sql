alter table headcount rename generation to epoch;
alter table headcount
  add made text not null default 'created' check (made in ('created', 'reset', 'set')),
  add sale bigint not null default extract(epoch from now()) * 1000000,
  add floor_epoch bigint not null default 0,
  add floor_taken bigint not null default 0,
  add token text,
  add version integer not null default 2;
update headcount set sale = epoch;
drop table if exists headcount_answer;
