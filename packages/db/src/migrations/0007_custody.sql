-- Custody beyond a first key: policies of owners, keys that customers seal themselves, roots that change, owners that go.

create table byok.owner_policies (
  owner_id uuid primary key references byok.owners,
  own_keys_only boolean not null default false,
  overflow text not null default 'never' check (overflow in ('never', 'system')),
  suspended boolean not null default false,
  limits jsonb,
  -- The channels, sealed under the owner's key: they hold addresses and signing secrets.
  notify bytea,
  notify_tenant_key_version integer,
  max_key_age_days integer check (max_key_age_days > 0),
  updated_at timestamptz not null,
  foreign key (owner_id, notify_tenant_key_version) references byok.tenant_keys (owner_id, version)
);
comment on table byok.owner_policies is 'What an owner allows, forbids and wants to hear of. No row: the defaults.';

create table byok.sealing_keys (
  owner_id uuid not null references byok.owners,
  sealing_key_id text not null,
  public_key bytea not null,
  created_at timestamptz not null,
  primary key (owner_id, sealing_key_id)
);
comment on table byok.sealing_keys is 'Public keys that an owner''s keys are sealed to. New records seal to the newest; the private halves are never here.';

-- A sealed record is under no tenant key; it names the sealing key, and the random id that its payload repeats.
alter table byok.key_versions alter column tenant_key_version drop not null;
alter table byok.key_versions add column sealing_key_id text;
alter table byok.key_versions add column sealed_id text;
alter table byok.key_versions add column fingerprint text;
alter table byok.key_versions add constraint key_versions_sealing_key foreign key (owner_id, sealing_key_id) references byok.sealing_keys;
alter table byok.key_versions add constraint key_versions_under_one_key check ((tenant_key_version is null) <> (sealing_key_id is null));

-- An owner that was deleted keeps its audit trail, and nothing that could be read.
alter table byok.owners add column deleted_at timestamptz;

-- Raised after a backup was restored: what was issued under an older epoch is over.
alter table byok.installation add column epoch integer not null default 0;
alter table byok.service_tokens add column epoch integer not null default 0;

-- A root rotation under way: the root that is to take over, until it has.
alter table byok.root_keys add column state text not null default 'live' check (state in ('candidate', 'live', 'retired'));

select byok.confine(relation) from unnest(array['byok.owner_policies', 'byok.sealing_keys']::regclass[]) as relation;
grant select, insert, delete, update (own_keys_only, overflow, suspended, limits, notify, notify_tenant_key_version, max_key_age_days, updated_at) on byok.owner_policies to {{app}};
grant select, insert, delete on byok.sealing_keys to {{app}};
grant update (sealed, tenant_key_version, sealing_key_id, sealed_id, usable_until, fingerprint) on byok.key_versions to {{app}};
grant update (deleted_at) on byok.owners to {{app}};

-- Leak checks and rewraps walk owners one by one, each in its own scope; the sweep sees ids alone.
grant select (owner_id, kind, deleted_at) on byok.owners to {{operator}};
create policy sweep on byok.owners for select to {{operator}} using (true);
grant select (owner_id, version, state) on byok.tenant_keys to {{operator}};
create policy sweep on byok.tenant_keys for select to {{operator}} using (true);
