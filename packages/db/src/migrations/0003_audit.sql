-- The trail is append-only, for the tables' owner and a superuser too. Statement triggers: a row trigger would not fire
-- for rows that row security hides.

create function byok.refuse_audit_change() returns trigger
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'audit events are never changed' using errcode = 'insufficient_privilege';
end
$$;
comment on function byok.refuse_audit_change() is 'Stops whatever is not an insert.';
revoke execute on function byok.refuse_audit_change() from public;

create trigger append_only before update or delete or truncate on byok.audit_events
  for each statement execute function byok.refuse_audit_change();
