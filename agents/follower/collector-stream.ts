import { BackOff } from './back-off.ts';
import { readLines } from './http-client.ts';
import type { FollowerLog } from './options.ts';

/** The collector speaks every 5 s; three times that is a dead connection. */
const silenceMs = 15_000;

export interface CollectorStream {
  readonly url: string;
  readonly headers: { readonly [name: string]: string };
  readonly datasource: string;
  readonly consumer: string;
  readonly site: string;
  readonly log: FollowerLog;
  /** After every (re)connection: the collector may have forgotten all. */
  readonly connected: () => void;
  /** A line of the stream, as it came. */
  readonly line: (text: string) => void;
}

/** Holds one connection to a collector until the signal fires, and hands on the documents that come over it. */
export async function holdCollectorStream(stream: CollectorStream, signal: AbortSignal): Promise<void> {
  const { datasource, consumer, site, log } = stream;
  const query = new URLSearchParams({ datasource, consumer, site }).toString();
  const url = `${stream.url.replace(/\/$/, '')}/v1/stream?${query}`;
  const backOff = new BackOff(signal);
  while (!signal.aborted) {
    const opened = () => {
      backOff.reset();
      stream.connected();
    };
    try {
      await readLines(
        { method: 'GET', url, headers: stream.headers, signal, silenceMs, opened },
        stream.line,
      );
    } catch (error) {
      if (!signal.aborted)
        log.debug({ error: String(error) }, 'stream of the collector ended; connecting again');
    }
    await backOff.wait();
  }
}
