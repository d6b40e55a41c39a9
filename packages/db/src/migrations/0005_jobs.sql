-- The app's role reaches the job tables by this one function. A role with rights on graphile-worker's own add_job would
-- still be refused on the tables behind it (measured), so the function runs as their owner, {{worker}}.

grant usage, create on schema byok to {{worker}};
set local role {{worker}};

create function byok.add_job(
  task text, payload jsonb, job_key text default null, queue text default null, run_at timestamptz default null, priority integer default null
) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  -- Payloads are ids, enums and numbers: nothing that could carry a secret fits.
  if jsonb_typeof(payload) <> 'object' or exists (
    select from jsonb_each(payload) as field(name, value)
    where jsonb_typeof(value) not in ('string', 'number', 'boolean') or length(value #>> '{}') > 200
  ) then
    raise exception 'a job payload holds ids, enums and numbers only, each at most 200 characters';
  end if;
  perform byok_worker.add_job(task, payload := payload::json, queue_name := queue, run_at := run_at, job_key := job_key, priority := priority);
end
$$;
comment on function byok.add_job(text, jsonb, text, text, timestamptz, integer) is 'Adds a job in the transaction of the change that needs it.';
revoke execute on function byok.add_job(text, jsonb, text, text, timestamptz, integer) from public;
grant execute on function byok.add_job(text, jsonb, text, text, timestamptz, integer) to {{app}};

set local role {{schema}};
revoke usage, create on schema byok from {{worker}};
