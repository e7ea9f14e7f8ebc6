import { createServer } from 'node:net';
import { join } from 'node:path';
import { tryLock } from './file-lock.ts';

/**
 * Ports of one lab. The range below the kernel's ephemeral ports (32768) is cut into blocks, one per lab, each
 * guarded by a lock that ends with its process. Nacos derives its ports from one number P: P-1000 (raft), P (HTTP),
 * P+1000 and P+1001 (gRPC). So every block owns the same stretch of three lanes that lie 1000 apart, and one
 * stretch of a fourth lane for everything else.
 */
const BLOCKS = 20;
const NACOS_LANE = 21_000; // P; the lanes 20000 and 22000 around it belong to Nacos, too
const NACOS_STRETCH = 50;
const GENERAL_LANE = 23_000;
const GENERAL_STRETCH = 400;

export interface PortBlock {
  readonly block: number;
  /** The next free port of this block. */
  next(): Promise<number>;
  /** The next P with which a Nacos finds all four of its ports free. */
  nextForNacos(): Promise<number>;
  release(): void;
}

/** Reserves a block until `release` or the end of this process. `folder` is shared by all labs of the machine. */
export function reservePorts(folder: string): PortBlock {
  for (let block = 0; block < BLOCKS; block += 1) {
    const held = tryLock(join(folder, `ports-${block}.lock`));
    if (held === undefined) continue;
    const general = stretch(GENERAL_LANE + block * GENERAL_STRETCH, GENERAL_STRETCH, 1);
    const nacos = stretch(NACOS_LANE + block * NACOS_STRETCH, NACOS_STRETCH, 2);
    return {
      block,
      next: () => firstFree(general, (port) => [port]),
      nextForNacos: () => firstFree(nacos, nacosPorts),
      release: () => held.release(),
    };
  }
  throw new Error(`all ${BLOCKS} port blocks are taken by running labs (locks in ${folder})`);
}

/** Every port that a Nacos started with P listens on. */
export const nacosPorts = (port: number): number[] => [port, port + 1000, port + 1001, port - 1000];

/** Binds the port on all addresses for a moment: that also fails where somebody listens on one of them. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function stretch(from: number, count: number, step: number): Iterator<number, undefined> {
  return Array.from({ length: count / step }, (_, index) => from + index * step).values();
}

async function firstFree(
  candidates: Iterator<number, undefined>,
  portsFor: (port: number) => number[],
): Promise<number> {
  for (;;) {
    const candidate = candidates.next();
    if (candidate.done === true) throw new Error('this lab has used up its block of ports');
    const free = await Promise.all(portsFor(candidate.value).map(isPortFree));
    if (free.every(Boolean)) return candidate.value;
  }
}
