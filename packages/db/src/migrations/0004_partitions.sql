-- Partitions are made ahead of time, and by the writer that finds one missing; a default partition catches what comes
-- before its own. Row security of a partitioned table does not cover a partition that is named directly, so each has its own.

create function byok.ensure_partition(parent text, day date) returns boolean
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
  return true;
end
$$;
comment on function byok.ensure_partition(text, date) is 'Makes the partition that holds this day where it is missing; true if it made it.';
revoke execute on function byok.ensure_partition(text, date) from public;

create table byok.usage_events_default (like byok.usage_events including all);
alter table byok.usage_events attach partition byok.usage_events_default default;
create table byok.usage_hourly_default (like byok.usage_hourly including all);
alter table byok.usage_hourly attach partition byok.usage_hourly_default default;
create table byok.usage_daily_default (like byok.usage_daily including all);
alter table byok.usage_daily attach partition byok.usage_daily_default default;

select byok.confine(relation)
from unnest(array['byok.usage_events_default', 'byok.usage_hourly_default', 'byok.usage_daily_default']::regclass[]) as relation;
