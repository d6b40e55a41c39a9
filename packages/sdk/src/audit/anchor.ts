/**
 * Anchors: heads of trails, signed and written where the database's writer cannot reach. A tail that was cut, or rewritten by
 * somebody who holds the audit key, contradicts every anchor taken before.
 */
import { z } from "zod";
import { InvalidInputError } from "@stack-2025/byok-crypto";
import type { Core } from "../core.ts";
import { canonicalBytes } from "./chain.ts";
import { everyOwner } from "./verify.ts";

const kind = "byok.audit.anchor";

const anchorLine = z.strictObject({
  kind: z.literal(kind),
  installation: z.string(),
  at: z.string(),
  keyVersion: z.number().int().positive(),
  /** Owner id, sequence number and hash of its last event. */
  heads: z.array(z.tuple([z.string(), z.string().regex(/^\d{1,18}$/), z.string()])),
  mac: z.string(),
});
/** One line of an anchor: heads of some owners at one moment, signed under the audit key. It holds nothing personal. */
export type AuditAnchor = z.infer<typeof anchorLine>;

/** Owner id → sequence number → hash. */
export type Anchors = ReadonlyMap<string, ReadonlyMap<string, string>>;

type AnchorCore = Pick<Core, "database" | "keyring"> & { clock: Pick<Core["clock"], "now"> };

/**
 * Signed heads, in lines of at most 200 owners.
 *
 * @param options.changedOnly leave out what the last such export wrote; a line counts as written once the next one is asked for
 */
export async function* exportAnchor(core: AnchorCore, options: { changedOnly?: boolean } = {}): AsyncGenerator<AuditAnchor> {
  for await (const owners of everyOwner(core)) {
    const heads = await core.database.inTenant({ owners }, (trx) => {
      const query = trx.selectFrom("audit_heads").select(["owner_id", "seq", "hash"]).where("owner_id", "in", owners).where("seq", ">", "0").orderBy("owner_id");
      return (options.changedOnly ? query.whereRef("seq", ">", "anchored_seq") : query).execute();
    });
    if (heads.length === 0) continue;
    yield signed(core, heads.map(({ owner_id, seq, hash }) => [owner_id, seq, hash]));
    if (!options.changedOnly) continue;
    await core.database.inTenant({ owners }, async (trx) => {
      for (const { owner_id, seq } of heads) {
        await trx.updateTable("audit_heads").set({ anchored_seq: seq }).where("owner_id", "=", owner_id).where("anchored_seq", "<", seq).execute();
      }
    });
  }
}

function signed({ database, keyring, clock }: AnchorCore, heads: AuditAnchor["heads"]): AuditAnchor {
  const { id } = database.installation;
  const line = { kind, installation: id, at: clock.now().toISOString(), keyVersion: keyring.auditKeyVersion, heads } as const;
  return { ...line, mac: keyring.auditMac(signer(id), canonicalBytes(line)) };
}

/** No owner's id: what signs anchors signs no events. */
const signer = (installationId: string): string => `anchors of ${installationId}`;

/**
 * Anchors out of a file: lines of JSON that are an anchor or hold one as `anchor`, as a log's do; all else is passed over.
 *
 * @throws InvalidInputError a line is an anchor of another installation, or was changed; the file has none
 */
export function readAnchors({ database, keyring }: Pick<Core, "database" | "keyring">, text: string): Anchors {
  const { id } = database.installation;
  const anchors = new Map<string, Map<string, string>>();
  let lines = 0;
  for (const [index, line] of text.split("\n").entries()) {
    const anchor = anchorIn(line);
    if (!anchor) continue;
    lines += 1;
    const { mac, ...said } = anchor;
    if (said.installation !== id) throw fault(`line ${index + 1} is of another installation (${said.installation})`);
    if (keyring.auditMacUnder(said.keyVersion, signer(id), canonicalBytes(said)) !== mac) throw fault(`line ${index + 1} is not signed by this installation, or was changed`);
    for (const [ownerId, seq, hash] of said.heads) {
      const known = anchors.get(ownerId) ?? new Map<string, string>();
      known.set(seq, hash);
      anchors.set(ownerId, known);
    }
  }
  if (lines === 0) throw fault("holds no anchor: it takes the lines of byok audit anchor, or a worker's log");
  return anchors;
}

function anchorIn(line: string): AuditAnchor | undefined {
  if (!line.includes(kind)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined; // A line that was cut, or of another program.
  }
  const candidates = [value, typeof value === "object" && value !== null && "anchor" in value ? value.anchor : undefined];
  return candidates.map((one) => anchorLine.safeParse(one)).find((one) => one.success)?.data;
}

const fault = (message: string): InvalidInputError => new InvalidInputError(`anchor: ${message}`, { issues: [{ path: "anchor", message }] });
