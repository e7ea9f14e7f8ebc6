import { checkAcknowledgement, MalformedMessage } from '../domain/datasource-messages.ts';
import type { Acknowledgement, ConnectedConsumer, DatasourceDocument } from '../domain/datasource.ts';
import type { Collector } from '../domain/schema/inventory.ts';
import { callHttp, jsonObject } from './call-json.ts';
import type { StepTools } from './tools.ts';

/** How long the collector may keep a question that has no answer yet. */
const pollMs = 10_000;

export interface CollectorClient {
  readonly name: string;
  /** Hears acknowledgements of one epoch until the signal fires; connects again for ever. */
  listen(ask: ListenAsk): Promise<void>;
  /** Who is connected to it now, whether registered or not. */
  consumers(datasource: string): Promise<readonly ConnectedConsumer[]>;
  /** Opens the connection that `hand` will use; the one of `listen` is busy for ever. */
  connect(): Promise<void>;
  /** Hands a document to those of `to` that are connected, to all of them without it. @returns how many it reached */
  hand(document: DatasourceDocument, to: readonly string[] | undefined): Promise<number>;
}

export interface ListenAsk {
  readonly datasource: string;
  readonly epoch: number;
  readonly signal: AbortSignal;
  heard(acknowledgements: readonly Acknowledgement[]): void;
  /** Of whom nothing more needs to be heard: every consumer tells every collector. */
  isSettled(consumer: unknown): boolean;
}

export function collectorClient(name: string, collector: Collector, tools: StepTools): CollectorClient {
  const base = collector.url.replace(/\/$/, '');
  const headers = async (): Promise<{ readonly [name: string]: string }> =>
    collector.token === undefined ? {} : { authorization: `Bearer ${await tools.secret(collector.token)}` };

  const ask = async (listening: ListenAsk, boot: string, since: number) => {
    const { datasource, epoch, signal } = listening;
    const query = { datasource, epoch: String(epoch), since: String(since), waitMs: String(pollMs) };
    const fields = new URLSearchParams(boot === '' ? query : { ...query, boot }).toString();
    const url = `${base}/v1/acknowledgements?${fields}`;
    const request = {
      method: 'GET',
      url,
      headers: await headers(),
      timeoutMs: pollMs + 3_000,
      signal,
    } as const;
    const answer = await callHttp(request);
    if (answer.status !== 200) throw refusal(base, answer.status, answer.text);
    return batchOf(answer.text, listening);
  };

  return {
    name,
    listen: async (listening) => {
      let [boot, since] = ['', 0];
      while (!listening.signal.aborted) {
        try {
          const batch = await ask(listening, boot, since);
          [boot, since] = [batch.boot, batch.sequence];
          listening.heard(batch.acknowledgements);
        } catch (error) {
          if (listening.signal.aborted) return;
          tools.log.debug(
            { collector: name, error: String(error) },
            'collector does not answer; asking again',
          );
          await tools.sleep(250).catch(() => undefined);
        }
      }
    },
    consumers: async (datasource) => {
      const url = `${base}/v1/consumers?${new URLSearchParams({ datasource }).toString()}`;
      const request = { method: 'GET', url, headers: await headers(), timeoutMs: 2_000 } as const;
      const answer = await callHttp({ ...request, signal: tools.signal });
      if (answer.status !== 200) throw refusal(base, answer.status, answer.text);
      return connectedIn(answer.text);
    },
    connect: async () => {
      const request = {
        method: 'GET',
        url: `${base}/v1/health`,
        timeoutMs: 2_000,
        signal: tools.signal,
      } as const;
      await callHttp(request);
    },
    hand: async (document, to) => {
      const answer = await callHttp({
        method: 'POST',
        url: `${base}/v1/documents`,
        headers: { ...(await headers()), 'content-type': 'application/json' },
        body: JSON.stringify({ document, to }),
        timeoutMs: 2_000,
        signal: tools.signal,
      });
      if (answer.status !== 200) throw refusal(base, answer.status, answer.text);
      return Number(jsonObject(answer.text)['handed'] ?? 0);
    },
  };
}

/** A collector that sends rubbish is treated like one that does not answer. */
function batchOf(text: string, listening: ListenAsk) {
  const { bootId, sequence, acknowledgements } = jsonObject(text);
  if (typeof bootId !== 'string' || typeof sequence !== 'number' || !Array.isArray(acknowledgements)) {
    throw new MalformedMessage('batch: expected bootId, sequence and acknowledgements');
  }
  const news = acknowledgements.filter(
    (one: unknown) => !listening.isSettled((one as Partial<Acknowledgement>)?.consumer),
  );
  return { boot: bootId, sequence, acknowledgements: news.map(checkAcknowledgement) };
}

function connectedIn(text: string): readonly ConnectedConsumer[] {
  const { consumers } = jsonObject(text);
  const isOne = (one: Partial<ConnectedConsumer> | null) =>
    typeof one?.consumer === 'string' && typeof one.site === 'string';
  if (Array.isArray(consumers) && consumers.every(isOne)) return consumers as readonly ConnectedConsumer[];
  throw new MalformedMessage('consumers: expected a list of consumer and site');
}

function refusal(base: string, status: number, text: string): Error {
  const { error } = jsonObject(text);
  return new Error(`${base}: status ${status} ${typeof error === 'string' ? error : ''}`);
}
