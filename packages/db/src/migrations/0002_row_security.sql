-- Who may touch which row. Roles are cluster-wide and carry the installation's id, so the runner fills their names in:
-- {{app}} serves tenants, {{operator}} sweeps, {{worker}} runs jobs. The tables' owner has row security forced on it and
-- no policy: it sees no tenant's row, and neither would a SECURITY DEFINER function of its.

grant usage on schema byok to {{app}}, {{operator}};

create function byok.confine(relation regclass) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  -- After a transaction that set it, the setting is '' and not null: a bare cast would raise on a used connection.
  in_scope constant text := $scope$owner_id = any(nullif(current_setting('byok.owners', true), '')::uuid[])$scope$;
begin
  execute format('alter table %s enable row level security, force row level security', relation);
  execute format('create policy owners_in_scope on %s to {{app}} using (%s) with check (%s)', relation, in_scope, in_scope);
end
$$;
comment on function byok.confine(regclass) is 'Shuts a table or a partition to all but the owners in the scope.';
revoke execute on function byok.confine(regclass) from public;

select byok.confine(relation)
from unnest(array[
  'byok.changes', 'byok.owners', 'byok.tenant_keys', 'byok.members', 'byok.keys', 'byok.key_versions', 'byok.key_health',
  'byok.limit_counters', 'byok.usage_events', 'byok.usage_receipts', 'byok.usage_hourly', 'byok.usage_daily',
  'byok.audit_heads', 'byok.audit_events', 'byok.service_tokens'
]::regclass[]) as relation;

-- Found by what the caller presents, before its owner is known. Reading alone; the answer is then checked and scoped.
create policy by_presented_key on byok.keys for select to {{app}}
  using (key_id = nullif(current_setting('byok.lookup_key', true), ''));
create policy by_presented_token on byok.service_tokens for select to {{app}}
  using (token_id = nullif(current_setting('byok.lookup_token', true), ''));
-- A user sees the memberships it holds: its scope is widened to those organizations from here.
create policy by_member on byok.members for select to {{app}}
  using (user_owner_id = any(nullif(current_setting('byok.owners', true), '')::uuid[]));

-- DML only, and no more of it than the product does. What is not granted here nobody but the tables' owner can do.
grant select, insert on byok.owners to {{app}};
grant select, insert, delete, update (wrapped, state) on byok.tenant_keys to {{app}};
grant select, insert, delete, update (role) on byok.members to {{app}};
grant select, insert, delete, update (
  alias, hint, fingerprint, status, status_reason, priority, shared_access, shared_routes, fallback, limits, per_user_limits,
  allowed_models, expires_at, rotate_every, on_revoke, tags, metadata, custody, live_version, idempotency_key,
  idempotency_digest, updated_at, next_check_at
) on byok.keys to {{app}};
grant select, insert, delete, update (sealed, tenant_key_version, usable_until) on byok.key_versions to {{app}};
grant select, insert, update, delete on byok.key_health to {{app}};
grant select, insert, update, delete on byok.limit_counters to {{app}};
grant select, insert on byok.usage_events to {{app}};
grant select, insert on byok.usage_receipts to {{app}};
grant select, insert, update on byok.usage_hourly to {{app}};
grant select, insert, update on byok.usage_daily to {{app}};
grant insert on byok.changes to {{app}};
grant select, insert, update (seq, hash, mac) on byok.audit_heads to {{app}};
grant select, insert on byok.audit_events to {{app}};
grant select, insert, update (expires_at, revoked_at) on byok.service_tokens to {{app}};

-- Sweeps find what is due over all owners and see ids and times alone; the work itself is done in its owner's scope.
grant select (owner_id, key_id, provider, status, next_check_at, expires_at) on byok.keys to {{operator}};
create policy sweep on byok.keys for select to {{operator}} using (true);
grant select (owner_id, hour, folded) on byok.usage_hourly to {{operator}};
create policy sweep on byok.usage_hourly for select to {{operator}} using (true);
grant select, delete on byok.changes to {{operator}};
create policy sweep_read on byok.changes for select to {{operator}} using (true);
create policy sweep_delete on byok.changes for delete to {{operator}} using (true);
grant select (owner_id, window_start), delete on byok.limit_counters to {{operator}};
create policy sweep_read on byok.limit_counters for select to {{operator}} using (true);
create policy sweep_delete on byok.limit_counters for delete to {{operator}} using (true);
grant select (owner_id, day), delete on byok.usage_receipts to {{operator}};
create policy sweep_read on byok.usage_receipts for select to {{operator}} using (true);
create policy sweep_delete on byok.usage_receipts for delete to {{operator}} using (true);
