import { openPath, startLink, type CutMode, type Link, type Path } from './cut.ts';
import { SocketOwnerLookup } from './socket-owner-lookup.ts';
import { ownersOf, type Ends, type Owner } from './socket-owners.ts';

/** Whoever is no part of the lab: the writers, the CLI, a browser. */
export const outside = 'outside';

/**
 * The ways between the parts of a lab: in front of every port stands a link that tells by the connecting process where a
 * connection comes from. As long as no rule is set nobody is asked for; bytes are only passed on.
 */
export interface Paths {
  /** The port that everybody else is to use instead of this one of that part; the same one where there are no links. */
  front(part: string, port: number, listenPort?: number): Promise<number>;
  /** Whether anybody connects to that part at all: the worker, for one, only asks. */
  leadTo(part: string): boolean;
  /** Connections that each of `from` makes to `to`, open ones included. */
  set(from: readonly string[], to: string, path: Partial<Path>): void;
  /** Every path is open again and without delay. */
  clear(): void;
  /** Rules in force, in words. */
  rules(): readonly string[];
  close(): Promise<void>;
}

export type PathCut = Exclude<CutMode, 'refuse'>;

const host = '127.0.0.1';

/** @param nextPort a free port; @param parts what runs now */
export function openPaths(nextPort: () => Promise<number>, parts: () => readonly Owner[]): Paths {
  const links = new Map<string, Link[]>();
  /** to -> from -> path */
  const rules = new Map<string, Map<string, Path>>();
  let owners: ReadonlyMap<Ends, string> = new Map();
  let isFollowing = false;
  // Only plain data goes to a thread: a part of the lab has methods, too.
  const lookup = new SocketOwnerLookup(() => parts().map(({ name, pid }) => ({ name, pid })));

  /** Whom a rule of that target speaks of; everybody, when one speaks of those who are nobody. */
  const concerned = (to: string): readonly Owner[] => {
    const sources = rules.get(to);
    return sources === undefined || sources.has(outside)
      ? parts()
      : parts().filter(({ name }) => sources.has(name));
  };
  const ruleFor = (to: string, owner: string | undefined): Path =>
    rules.get(to)?.get(owner ?? outside) ?? openPath;
  const pathFor = (to: string, connection: Ends): Path | Promise<Path> => {
    if (!rules.has(to)) return openPath;
    if (isFollowing) return ruleFor(to, owners.get(connection));
    return lookup.ownerOf(connection).then((owner) => ruleFor(to, owner));
  };
  /** One look at the processes for all connections that are open. */
  const followAll = (to: string) => {
    const toTarget = links.get(to) ?? [];
    owners = ownersOf(
      toTarget.flatMap((link) => link.connections()),
      concerned(to),
    );
    isFollowing = true;
    for (const link of toTarget) link.follow();
    isFollowing = false; // ports are given out again
  };

  return {
    front: async (part, port, listenPort) => {
      const link = await startLink({
        listen: { host, port: listenPort ?? (await nextPort()) },
        target: { host, port },
        pathFor: (connection) => pathFor(part, connection),
      });
      links.set(part, [...(links.get(part) ?? []), link]);
      return link.listen.port;
    },
    leadTo: (part) => links.has(part),
    set: (from, to, path) => {
      const ofTarget = rules.get(to) ?? new Map<string, Path>();
      for (const source of from) ofTarget.set(source, { ...openPath, ...ofTarget.get(source), ...path });
      rules.set(to, ofTarget);
      followAll(to);
    },
    clear: () => {
      const targets = [...rules.keys()];
      rules.clear();
      for (const to of targets) followAll(to);
    },
    rules: () =>
      [...rules].flatMap(([to, ofTarget]) =>
        [...ofTarget].map(([from, { mode, delayMs }]) => `${from} -> ${to}: ${mode}, ${delayMs} ms`),
      ),
    close: async () => {
      await Promise.all([...links.values()].flat().map((link) => link.close()));
      await lookup.close();
    },
  };
}

/** A lab whose parts talk to each other directly: nothing stands in between, and nothing can be cut. */
export const directPaths: Paths = {
  front: (_, port) => Promise.resolve(port),
  leadTo: () => {
    throw new Error('this lab was started without paths: nothing can be cut or delayed');
  },
  set: () => undefined,
  clear: () => undefined,
  rules: () => [],
  close: () => Promise.resolve(),
};
