-- The life of a key and of its owner: versions whose grace ends, secrets that leak, owners that go and may come back.

-- One for each secret value in the record, keyed by owner like every fingerprint: a leaked secret is found without opening
-- anything, and equal secrets of two owners look unlike.
alter table byok.key_versions add column secret_fingerprints text[] not null default '{}';
create index key_versions_in_grace on byok.key_versions (usable_until) where usable_until is not null;

-- Since when the stored record does not open; it is announced once.
alter table byok.key_health add column unreadable_since timestamptz;

-- The last version that was destroyed: an owner that comes back gets a higher one, so that no process takes a key that it
-- still holds for the new one.
alter table byok.owners add column last_tenant_key_version integer not null default 0;

grant update (last_tenant_key_version) on byok.owners to {{app}};
grant delete on byok.service_tokens to {{app}};

-- Versions past their grace are found over all owners by ids and times alone.
grant select (owner_id, key_id, version, usable_until) on byok.key_versions to {{operator}};
create policy sweep on byok.key_versions for select to {{operator}} using (true);
