/** One MariaDB GTID: domain-server-sequence. Sequences are 64 bit, hence bigint. */
export interface Gtid {
  readonly domain: number;
  readonly server: number;
  readonly sequence: bigint;
}

/** Reads `0-1-100,1-2-5`; white space is allowed. Throws on anything else. */
export function parseGtids(text: string): readonly Gtid[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map((item) => {
      const match = /^(\d+)-(\d+)-(\d+)$/.exec(item);
      if (match === null)
        throw new Error(`not a MariaDB GTID: expected domain-server-sequence, saw "${item}"`);
      return { domain: Number(match[1]), server: Number(match[2]), sequence: BigInt(match[3] ?? '0') };
    });
}

export const formatGtids = (gtids: readonly Gtid[]): string =>
  gtids.map(({ domain, server, sequence }) => `${domain}-${server}-${sequence}`).join(',');

/**
 * The GTIDs of `need` that `have` does not contain. `have` must be a state (gtid_binlog_state, one GTID for each
 * (domain, server)): the same sequence written by another server is divergence, not containment, which is what
 * MASTER_GTID_WAIT gets wrong.
 */
export function missingGtids(have: string, need: string): readonly Gtid[] {
  const known = parseGtids(have);
  return parseGtids(need).filter(
    (wanted) =>
      !known.some(
        ({ domain, server, sequence }) =>
          domain === wanted.domain && server === wanted.server && sequence >= wanted.sequence,
      ),
  );
}

/** The GTIDs of the state `have` that lie beyond the last GTID of their domain in `limit`. */
export function gtidsBeyond(have: string, limit: string): readonly Gtid[] {
  const highest = highestByDomain(limit);
  return parseGtids(have).filter(({ domain, sequence }) => sequence > (highest.get(domain) ?? 0n));
}

/** Highest sequence of each domain, whoever wrote it. */
export function highestByDomain(text: string): ReadonlyMap<number, bigint> {
  const highest = new Map<number, bigint>();
  for (const { domain, sequence } of parseGtids(text)) {
    if (sequence > (highest.get(domain) ?? -1n)) highest.set(domain, sequence);
  }
  return highest;
}

/** Transactions in `ahead` after `behind`, by sequence numbers; what is only in `behind` does not count. */
export function countBeyond(ahead: string, behind: string): number {
  const reached = highestByDomain(behind);
  let count = 0n;
  for (const [domain, sequence] of highestByDomain(ahead)) {
    const seen = reached.get(domain) ?? 0n;
    if (sequence > seen) count += sequence - seen;
  }
  return Number(count);
}

/** The last GTID of each domain over all the lists: what has been seen anywhere. */
export function unionOfGtids(lists: readonly string[]): string {
  const last = new Map<number, Gtid>();
  for (const gtid of lists.flatMap(parseGtids)) {
    const known = last.get(gtid.domain);
    if (known === undefined || gtid.sequence > known.sequence) last.set(gtid.domain, gtid);
  }
  return formatGtids([...last.values()].sort((a, b) => a.domain - b.domain));
}

/** The GTID after which a server that was told `last` (gtid_slave_pos) and logged `state` has everything up to here. */
export const knownGtids = (state: string, last: string): string => [state, last].filter(Boolean).join(',');
