-- Roots that change under running processes: what each process has seen, and which keys a lost root has shown.

-- Raised with every change of the root or of the installation keys. A process says in its heartbeat which one it works with.
alter table byok.installation add column keyring_version integer not null default 1;

-- For people: the host and the number of the process. And what of the installation's keys it has loaded.
alter table byok.processes add column name text not null default '';
alter table byok.processes add column keyring_version integer not null default 0;

-- Since when everything is wrapped with this root; null: since before this was kept.
alter table byok.root_keys add column live_since timestamptz;

-- A new version is a candidate until every live process can open it, then processes make with it. What a lost root has
-- shown is exposed: nothing new is made with it, and what was is made anew.
alter table byok.installation_keys add column state text not null default 'live' check (state in ('candidate', 'live'));
alter table byok.installation_keys add column exposed boolean not null default false;

-- Which version of the tenant-wrap key is around it, read from the envelope's own header: sweeps find what is to be wrapped anew.
alter table byok.tenant_keys add column wrap_version bigint generated always as (
  case when length(wrapped) < 6 then 0
  else (get_byte(wrapped, 2)::bigint << 24) + (get_byte(wrapped, 3) << 16) + (get_byte(wrapped, 4) << 8) + get_byte(wrapped, 5) end
) stored;
create index tenant_keys_wrap on byok.tenant_keys (wrap_version, owner_id);
grant select (wrap_version) on byok.tenant_keys to {{operator}};
