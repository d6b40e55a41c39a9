-- An audit trail that can be proved, followed and shredded, and backups that can be checked.

-- Which audit key signed a link: old links stay provable after the key was replaced.
alter table byok.audit_events add column mac_key_version integer not null default 1;

-- Those who follow the trail of all owners go by transaction, as caches do. Null: older than this column, and long committed.
alter table byok.audit_events add column xid xid8;
alter table byok.audit_events alter column xid set default pg_current_xact_id();
create index audit_events_followed on byok.audit_events (xid, owner_id, seq);

-- How far a chain's head was written out of the database.
alter table byok.audit_heads add column anchored_seq bigint not null default 0;
grant update (anchored_seq) on byok.audit_heads to {{app}};

-- Events name people by a random id; who that is lies here, sealed under the owner's key, and goes with it.
create table byok.audit_names (
  owner_id uuid not null references byok.owners,
  name_id text not null,
  fingerprint text not null,
  sealed bytea not null,
  tenant_key_version integer not null,
  created_at timestamptz not null,
  primary key (owner_id, name_id),
  constraint audit_names_same_name unique (owner_id, fingerprint),
  foreign key (owner_id, tenant_key_version) references byok.tenant_keys
);
comment on table byok.audit_names is 'Whom an owner''s audit events name. Without its row an event still proves that something was done, and no longer says by whom.';
select byok.confine('byok.audit_names');
grant select, insert, delete, update (fingerprint, sealed, tenant_key_version) on byok.audit_names to {{app}};

grant select (owner_id, seq, xid) on byok.audit_events to {{operator}};
create policy sweep on byok.audit_events for select to {{operator}} using (true);

-- What a token is measured by: one of an older epoch is over.
grant select (epoch) on byok.installation to {{app}};

create table byok.partitions (
  partition text primary key,
  parent text not null,
  made_at timestamptz not null default now()
);
comment on table byok.partitions is 'The partitions that were made: a restored copy that lacks one of them is not whole.';
insert into byok.partitions (partition, parent)
select part.relname, whole.relname
from pg_inherits join pg_class part on part.oid = inhrelid join pg_class whole on whole.oid = inhparent
where part.relnamespace = 'byok'::regnamespace and part.relkind = 'r';

create or replace function byok.ensure_partition(parent text, day date) returns boolean
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  monthly constant boolean := parent = 'usage_daily';
  first_day constant date := case when monthly then date_trunc('month', day)::date else day end;
  next_day constant date := (first_day + case when monthly then interval '1 month' else interval '1 day' end)::date;
  partition constant text := parent || '_' || to_char(first_day, case when monthly then 'YYYYMM' else 'YYYYMMDD' end);
  -- The hours are bounded in UTC, whatever the session's zone is.
  midnight constant text := case parent when 'usage_hourly' then ' 00:00:00+00' else '' end;
  key_column constant text := case parent when 'usage_hourly' then 'hour' else 'day' end;
  fallback constant text := parent || '_default';
begin
  if parent not in ('usage_events', 'usage_hourly', 'usage_daily') then
    raise exception 'table % has no partitions', parent;
  end if;
  if exists (select from pg_class where relnamespace = 'byok'::regnamespace and relname = partition) then
    return false;
  end if;
  -- One at a time. The second look reads the catalog as it is after the wait; to_regclass would answer from a cache that a
  -- wait for this lock does not refresh.
  perform pg_advisory_xact_lock(hashtextextended('byok partitions', 0));
  if exists (select from pg_class where relnamespace = 'byok'::regnamespace and relname = partition) then
    return false;
  end if;
  -- Made beside its parent and attached: CREATE … PARTITION OF would lock every reader of the parent out.
  execute format('create table byok.%I (like byok.%I including all)', partition, parent);
  -- Rows that came too early lie in the default partition, which is ours alone until this transaction ends.
  execute format('alter table byok.%I no force row level security', fallback);
  execute format(
    'with early as (delete from byok.%1$I where %3$I >= %4$L and %3$I < %5$L returning *) insert into byok.%2$I select * from early',
    fallback, partition, key_column, first_day || midnight, next_day || midnight);
  execute format('alter table byok.%I attach partition byok.%I for values from (%L) to (%L)', parent, partition, first_day || midnight, next_day || midnight);
  execute format('alter table byok.%I force row level security', fallback);
  perform byok.confine(format('byok.%I', partition)::regclass);
  insert into byok.partitions (partition, parent) values (partition, parent) on conflict on constraint partitions_pkey do nothing;
  return true;
end
$$;
