import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process group of the lab: a server and what it forked. */
export interface Owner {
  readonly name: string;
  readonly pid: number;
}

/**
 * Both ports of a connection on this machine, as the kernel writes them. The client's alone would not do: the kernel
 * gives the same one to connections to different servers.
 */
export type Ends = `${string}>${string}`;

export const endsOf = (clientPort: number, serverPort: number): Ends =>
  `${hex(clientPort)}>${hex(serverPort)}`;

const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');

/**
 * Connection -> who made it. Nobody of the owners: absent. It takes tens of milliseconds: connections are asked for
 * in a thread of its own (SocketOwnerLookup).
 */
export function ownersOf(connections: readonly Ends[], owners: readonly Owner[]): Map<Ends, string> {
  const ends = endsByInode(connections);
  const found = new Map<Ends, string>();
  if (ends.size === 0) return found;
  const groups = processGroups(owners);
  for (const { name, pid } of owners) {
    for (const member of groups.get(pid) ?? []) {
      for (const file of openFiles(member)) {
        const connection = ends.get(file);
        if (connection !== undefined) found.set(connection, name);
      }
    }
  }
  return found;
}

/** "socket:[inode]" -> connection, from the kernel's table. It holds thousands of lines on a busy machine. */
function endsByInode(connections: readonly Ends[]): Map<string, Ends> {
  const wanted: ReadonlySet<string> = new Set(connections);
  const found = new Map<string, Ends>();
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readOr(file, '').split('\n')) {
      // "  12: 0100007F:5BA0 0100007F:8E2C 01 …": number, local and remote address, state, …, inode at place 9.
      const local = line.indexOf(':', line.indexOf(':') + 1) + 1;
      const remote = line.indexOf(':', local) + 1;
      const ends = `${line.slice(local, local + 4)}>${line.slice(remote, remote + 4)}`;
      if (!wanted.has(ends)) continue;
      const inode = line.trim().split(/\s+/)[9];
      if (inode !== undefined && inode !== '0') found.set(`socket:[${inode}]`, ends as Ends);
    }
  }
  return found;
}

const groupsLastMs = 1_000;
let known: { readonly at: number; readonly groups: ReadonlyMap<number, readonly number[]> } | undefined;

/** Group -> its processes, looked up once a second, because servers fork rarely, and when one was started since. */
function processGroups(owners: readonly Owner[]): ReadonlyMap<number, readonly number[]> {
  const isFresh = known !== undefined && performance.now() - known.at < groupsLastMs;
  if (known !== undefined && isFresh && owners.every(({ pid }) => known?.groups.has(pid)))
    return known.groups;
  const groups = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const group = groupOf(entry);
    groups.set(group, [...(groups.get(group) ?? []), Number(entry)]);
  }
  known = { at: performance.now(), groups };
  return groups;
}

function groupOf(pid: string): number {
  const line = readOr(`/proc/${pid}/stat`, '');
  // The program's name may contain spaces and brackets: state, parent and group follow the last bracket.
  return Number(line.slice(line.lastIndexOf(')') + 2).split(' ')[2] ?? 0);
}

function openFiles(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((entry) => linkOr(`/proc/${pid}/fd/${entry}`));
  } catch {
    return []; // ended meanwhile
  }
}

function linkOr(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function readOr(file: string, otherwise: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return otherwise;
  }
}
