import type { AnswerClass } from '../../domain/kubernetes/answers.ts';

/** Somebody put another object in the place of one that was being read. */
export class ReplacedError extends Error {
  override readonly name = 'ReplacedError';
}

/** An answer whose body is still on its way. */
export interface Arriving {
  readonly status: number;
  readonly etag: string;
  readonly body: AsyncIterable<Buffer>;
  /** Where nobody wants the body. */
  discard(): Promise<void>;
}

/** How long trouble is sat out. */
export interface Patience {
  /** Waits before the next attempt. @throws the error when it has lasted too long */
  after(error: unknown, kind: AnswerClass): Promise<void>;
  /** It goes on: what was before does not count any more. */
  renew(): void;
}

/**
 * The bytes of an object as they arrive and no faster than they are taken; when the connection breaks, the rest of the
 * same content is asked for, so that none of them is fetched twice.
 * @param again asks with these headers for what is missing
 * @throws ReplacedError when there is no rest of the same content
 */
export async function* piecesOf(
  first: Arriving,
  again: (headers: Readonly<Record<string, string>>) => Promise<Arriving>,
  patience: Patience,
): AsyncGenerator<Buffer> {
  let arrived = 0;
  for (let answer = first; ; answer = await again({ range: `bytes=${arrived}-`, 'if-match': first.etag })) {
    const isWhole = answer.status === 200; // a store without ranges sends all of it again
    if (answer.status === 412 || (isWhole && answer.etag !== first.etag)) {
      await answer.discard();
      throw new ReplacedError('was replaced while it was read');
    }
    let known = isWhole ? arrived : 0;
    try {
      for await (const piece of answer.body) {
        const fresh = piece.subarray(known);
        known -= piece.length - fresh.length;
        arrived += fresh.length;
        if (fresh.length === 0) continue; // nothing new is no progress
        yield fresh;
        patience.renew(); // only now: whoever takes the pieces may have taken his time
      }
      return;
    } catch (error) {
      await patience.after(error, 'passing');
    }
  }
}

export async function joined(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

const TIMES = 3;

/** Does it from the start when what it reads is replaced meanwhile. */
export async function againWhenReplaced<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let times = 1; ; times += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ReplacedError) || times >= TIMES) throw error;
    }
  }
}
