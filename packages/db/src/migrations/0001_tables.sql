-- The tables of the first schema. Every tenant table begins with owner_id, in its primary key, its unique constraints
-- and its foreign keys: row security keys on it, and a distributed PostgreSQL would shard on it.
-- Ids are stored as they are shown (text); bytea holds ciphertext only; sums are bigint: nanodollars, milliseconds, counts.

create table byok.installation (
  only_row boolean primary key default true check (only_row),
  installation_id text not null,
  -- The root key that everything is wrapped with; null until the first process with a root key has come.
  root_key_id text,
  kdf_salt bytea not null,
  kdf_iterations integer not null,
  version integer not null,
  min_reader integer not null,
  created_at timestamptz not null default now()
);
comment on table byok.installation is 'One row: who this installation is, its root key, its schema version and the oldest code that may read it.';

create table byok.root_keys (
  root_key_id text primary key,
  -- Opens under the right root key only: a wrong one is found before anything is written.
  check_record bytea not null,
  created_at timestamptz not null default now(),
  retired_at timestamptz
);
comment on table byok.root_keys is 'A check record for each root key that is in use. The keys themselves are never stored.';

create table byok.installation_keys (
  purpose text not null check (purpose in ('tenant-wrap', 'fingerprint', 'audit', 'cursor')),
  version integer not null check (version > 0),
  root_key_id text not null references byok.root_keys,
  wrapped bytea not null,
  created_at timestamptz not null default now(),
  primary key (purpose, version)
);
comment on table byok.installation_keys is 'Random keys, one for each purpose and version, wrapped by the root key. Rotating the root rewraps these rows alone.';

create table byok.processes (
  process_id uuid primary key,
  code_version text not null,
  root_key_ids text[] not null,
  clock_offset_ms integer not null default 0,
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now()
);
comment on table byok.processes is 'The live processes: their heartbeat, their code and the root keys they know.';

create table byok.changes (
  xid xid8 not null default pg_current_xact_id(),
  owner_id uuid not null,
  at timestamptz not null default now(),
  primary key (xid, owner_id)
);
comment on table byok.changes is 'What caches must look at again: a row for each owner and transaction that changed keys, members or policies. Kept an hour.';
create index changes_at on byok.changes (at);

create table byok.owners (
  owner_id uuid primary key,
  kind text not null check (kind in ('user', 'organization', 'system')),
  external_id text not null,
  created_at timestamptz not null default now()
);
comment on table byok.owners is 'Whose keys: a user, an organization or the operator. owner_id follows from installation, kind and external id.';

create table byok.tenant_keys (
  owner_id uuid not null references byok.owners,
  version integer not null check (version > 0),
  wrapped bytea not null,
  state text not null default 'live' check (state in ('live', 'retired')),
  created_at timestamptz not null default now(),
  primary key (owner_id, version)
);
comment on table byok.tenant_keys is 'The owner''s own encryption key, wrapped. Deleting the row makes everything sealed under it unreadable.';

create table byok.members (
  owner_id uuid not null references byok.owners,
  user_owner_id uuid not null,
  user_id text not null,
  role text not null check (role in ('owner', 'admin', 'member', 'viewer')),
  since timestamptz not null default now(),
  primary key (owner_id, user_owner_id)
);
comment on table byok.members is 'Who belongs to an organization (owner_id), and as what.';
create index members_user on byok.members (user_owner_id, owner_id);

create table byok.keys (
  owner_id uuid not null references byok.owners,
  key_id text not null,
  provider text not null,
  environment text not null check (environment in ('development', 'production')),
  alias text,
  hint text,
  fingerprint text,
  status text not null check (status in ('active', 'unchecked', 'invalid', 'exhausted', 'disabled')),
  status_reason text,
  priority integer not null default 100,
  shared_access boolean not null default false,
  shared_routes text not null default 'inference' check (shared_routes in ('inference', 'all')),
  fallback text not null default 'allowed' check (fallback in ('allowed', 'never')),
  limits jsonb,
  per_user_limits jsonb,
  allowed_models text[],
  expires_at timestamptz,
  rotate_every text,
  on_revoke text not null default 'close' check (on_revoke in ('close', 'finish')),
  tags text[] not null default '{}',
  metadata jsonb not null default '{}',
  custody text not null default 'managed' check (custody in ('managed', 'sealed')),
  live_version integer not null default 1 check (live_version > 0),
  idempotency_key text,
  idempotency_digest text,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  next_check_at timestamptz,
  primary key (owner_id, key_id),
  constraint keys_same_secret unique (owner_id, provider, environment, fingerprint),
  constraint keys_idempotency unique (owner_id, idempotency_key)
);
comment on table byok.keys is 'A provider key as everyone may see it. The secret is in key_versions, sealed.';
create index keys_in_order on byok.keys (owner_id, provider, environment, priority, created_at, key_id);
create index keys_listed on byok.keys (owner_id, created_at, key_id);
create index keys_by_id on byok.keys (key_id);
create index keys_due on byok.keys (next_check_at) where next_check_at is not null;

create table byok.key_versions (
  owner_id uuid not null,
  key_id text not null,
  version integer not null check (version > 0),
  sealed bytea not null,
  tenant_key_version integer not null,
  usable_until timestamptz,
  created_at timestamptz not null,
  primary key (owner_id, key_id, version),
  foreign key (owner_id, key_id) references byok.keys on delete cascade,
  foreign key (owner_id, tenant_key_version) references byok.tenant_keys
);
comment on table byok.key_versions is 'The sealed secret, a row a version. An older one stays usable until its grace ends.';

create table byok.key_health (
  owner_id uuid not null,
  key_id text not null,
  checked_at timestamptz,
  latency_ms integer,
  consecutive_failures integer not null default 0,
  exhausted_until timestamptz,
  balance_amount text,
  balance_currency text,
  reasons text[] not null default '{}',
  primary key (owner_id, key_id),
  foreign key (owner_id, key_id) references byok.keys on delete cascade
);
comment on table byok.key_health is 'The last outcome of a key: apart from keys, since it changes often and must not wake caches.';

create table byok.limit_counters (
  owner_id uuid not null,
  key_id text not null,
  user_id text not null default '',
  limit_name text not null,
  window_start timestamptz not null,
  used bigint not null default 0,
  primary key (owner_id, key_id, user_id, limit_name, window_start)
);
comment on table byok.limit_counters is 'What a key has used of a limit in a window: requests, tokens, or nanodollars.';
create index limit_counters_old on byok.limit_counters (window_start);

create table byok.usage_events (
  owner_id uuid not null,
  day date not null,
  event_id text not null,
  request_id text not null,
  attempt integer not null default 1,
  part integer not null default 1,
  key_id text not null,
  at timestamptz not null,
  provider text not null,
  model text not null default '',
  environment text not null,
  source text not null,
  operation text not null default '',
  user_id text,
  label text,
  outcome text not null check (outcome in ('ok', 'error')),
  status integer,
  latency_ms integer,
  requests bigint not null,
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  cached_input_tokens bigint not null default 0,
  cache_write_tokens bigint not null default 0,
  reasoning_tokens bigint not null default 0,
  audio_input_tokens bigint not null default 0,
  audio_output_tokens bigint not null default 0,
  audio_ms bigint not null default 0,
  characters bigint not null default 0,
  segments bigint not null default 0,
  units jsonb,
  cost_nanos bigint,
  price_book text,
  vendor_request_id text,
  adjusts text,
  xid xid8 not null default pg_current_xact_id(),
  primary key (owner_id, day, event_id)
) partition by range (day);
comment on table byok.usage_events is 'What one call used. owner_id is the key''s owner. Events never change; a later price is a further part.';
create index usage_events_at on byok.usage_events (owner_id, at);

create table byok.usage_receipts (
  owner_id uuid not null,
  event_id text not null,
  day date not null,
  primary key (owner_id, event_id)
);
comment on table byok.usage_receipts is 'The day of an event whose id carries no time of its own, so that a resend finds its partition. Kept 35 days and more.';

create table byok.usage_hourly (
  owner_id uuid not null,
  hour timestamptz not null,
  slot smallint not null,
  key_id text not null,
  provider text not null,
  model text not null,
  environment text not null,
  source text not null,
  operation text not null,
  requests bigint not null,
  errors bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cached_input_tokens bigint not null,
  cache_write_tokens bigint not null,
  reasoning_tokens bigint not null,
  audio_input_tokens bigint not null,
  audio_output_tokens bigint not null,
  audio_ms bigint not null,
  characters bigint not null,
  segments bigint not null,
  cost_nanos bigint not null,
  unpriced bigint not null,
  last_at timestamptz not null,
  -- False while the day's row does not hold this hour yet.
  folded boolean not null default false,
  primary key (owner_id, hour, slot, key_id, provider, model, environment, source, operation)
) partition by range (hour);
comment on table byok.usage_hourly is 'Sums made in the statement that wrote the events. Sixteen slots, so that a busy key is no convoy.';
create index usage_hourly_unfolded on byok.usage_hourly (owner_id, hour) where not folded;
create index usage_hourly_key on byok.usage_hourly (owner_id, key_id, hour);

create table byok.usage_daily (
  owner_id uuid not null,
  day date not null,
  key_id text not null,
  provider text not null,
  model text not null,
  environment text not null,
  source text not null,
  operation text not null,
  requests bigint not null,
  errors bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cached_input_tokens bigint not null,
  cache_write_tokens bigint not null,
  reasoning_tokens bigint not null,
  audio_input_tokens bigint not null,
  audio_output_tokens bigint not null,
  audio_ms bigint not null,
  characters bigint not null,
  segments bigint not null,
  cost_nanos bigint not null,
  unpriced bigint not null,
  last_at timestamptz not null,
  primary key (owner_id, day, key_id, provider, model, environment, source, operation)
) partition by range (day);
comment on table byok.usage_daily is 'Hours folded into days.';

create table byok.audit_heads (
  owner_id uuid primary key references byok.owners,
  seq bigint not null,
  hash text not null,
  mac text not null
);
comment on table byok.audit_heads is 'The last link of each owner''s audit chain.';

create table byok.audit_events (
  owner_id uuid not null references byok.owners,
  seq bigint not null,
  event_id text not null,
  at timestamptz not null,
  actor text not null,
  action text not null,
  target text,
  details jsonb not null default '{}',
  ip text,
  previous_hash text not null,
  hash text not null,
  mac text not null,
  primary key (owner_id, seq)
);
comment on table byok.audit_events is 'Who did what, a chain an owner: each link hashes the one before, and carries a MAC under the installation''s audit key.';

create table byok.service_tokens (
  token_id text primary key,
  -- Whose list it is in; the operator's for service-wide ones.
  owner_id uuid not null references byok.owners,
  -- It acts for owner_id alone. False: it names the owner of each call (scope act:any), or is the operator's.
  bound boolean not null,
  name text not null,
  hash text not null,
  scopes text[] not null,
  expires_at timestamptz,
  created_at timestamptz not null,
  revoked_at timestamptz
);
comment on table byok.service_tokens is 'Service tokens, by hash; the token itself is shown once and never stored. Exempt from owner_id first: it is found by what the caller presents.';
create index service_tokens_owner on byok.service_tokens (owner_id, created_at);
