import type { NamedStatement } from "./connections.ts";

/**
 * For `Database.read`: widens the scope of a user to itself, further owners (the system's) and every organization that it
 * is a member of. `byok.members` is read under the scope that was set before, and the setting is in force from the next
 * statement on: a statement that read tenants' rows under a setting of its own would see another tenant's.
 */
export function widenToUser(userOwner: string, ...further: readonly string[]): NamedStatement {
  return {
    name: "byok_widen_to_user",
    text: `select set_config('byok.owners', (
      select '{' || string_agg(owner::text, ',') || '}'
      from (
        select $1::uuid as owner union select unnest($2::uuid[]) union
        select owner_id from byok.members where user_owner_id = $1::uuid
      ) as touchable
    ), true)`,
    values: [userOwner, [...further]],
  };
}
