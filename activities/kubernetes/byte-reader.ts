export interface ByteReader {
  /** How many have been taken or passed over. */
  passed(): number;
  /** @throws where fewer are left */
  take(length: number): Promise<Buffer>;
  /** @throws where fewer are left */
  skip(length: number): Promise<void>;
  /** Passes over all that is left, which shows that it can be read. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

/** Takes bytes out of pieces of any size, never more pieces than it needs. */
export function readBytes(pieces: AsyncIterable<Buffer>, what: string): ByteReader {
  const source = pieces[Symbol.asyncIterator]();
  let piece: Buffer = Buffer.alloc(0);
  let passed = 0;

  /** At least one and at most so many; none when there are no more. */
  async function some(most: number): Promise<Buffer> {
    while (piece.length === 0) {
      const next = await source.next();
      if (next.done === true) return piece;
      piece = next.value;
    }
    const part = piece.subarray(0, most);
    piece = piece.subarray(part.length);
    passed += part.length;
    return part;
  }
  async function each(length: number, use: (part: Buffer) => void): Promise<void> {
    for (let missing = length; missing > 0;) {
      const part = await some(missing);
      if (part.length === 0)
        throw new Error(`${what} ends at byte ${passed} in the middle: expected its end mark`);
      use(part);
      missing -= part.length;
    }
  }
  return {
    passed: () => passed,
    take: async (length) => {
      const parts: Buffer[] = [];
      await each(length, (part) => void parts.push(part));
      return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
    },
    skip: (length) => each(length, () => undefined),
    finish: async () => {
      while ((await some(Infinity)).length > 0);
    },
    close: async () => void (await source.return?.()),
  };
}
