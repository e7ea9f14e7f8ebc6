/** An object that arrives in as many attempts as it takes: none of its bytes is fetched twice. */
export interface Download {
  /** What to ask for: nothing at first, then the rest of the same content. */
  headers(): Readonly<Record<string, string>>;
  /** Bytes that have arrived so far. */
  arrived(): number;
  /** Takes in an answer. @returns the whole object, once the answer ends well */
  take(answer: {
    readonly status: number;
    readonly etag: string;
    readonly body: AsyncIterable<Buffer>;
  }): Promise<Buffer>;
  /** The object was replaced in the meantime. */
  beginAnew(): void;
}

export function openDownload(): Download {
  let chunks: Buffer[] = [];
  let arrived = 0;
  let tag = '';
  const beginAnew = () => {
    chunks = [];
    arrived = 0;
  };
  return {
    headers: () => (arrived === 0 ? {} : { range: `bytes=${arrived}-`, 'if-match': tag }),
    arrived: () => arrived,
    beginAnew,
    take: async ({ status, etag, body }) => {
      if (status !== 206) beginAnew(); // a store without ranges sends all of it again
      tag = etag;
      for await (const chunk of body) {
        chunks.push(chunk);
        arrived += chunk.length;
      }
      return Buffer.concat(chunks);
    },
  };
}
